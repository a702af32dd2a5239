package fetch

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Property finds a part of a document. In this order, the property is
//
//   - the name of a field, where the store keeps separate fields;
//   - the name of a field, a dot, and a property of the JSON in it;
//   - the name of a top-level key, dots and all;
//   - names of nested keys with dots between, each of which may have dots;
//   - a gjson path, in which \. is a dot within a name.
//
// A string comes out as it reads, anything else as the JSON text that the
// store holds, null as nothing. The fault, if any, is that the path asks for
// too much; it quotes nothing.
func Property(doc backend.Document, property string) (v secret.Value, ok bool, fault string) {
	if doc.Fields != nil {
		if v, ok := doc.Fields[property]; ok {
			return v, true, ""
		}
		if v, ok := doc.Fields[strings.ReplaceAll(property, `\.`, ".")]; ok {
			return v, true, ""
		}
		for name, rest := range splits(property) {
			field, ok := doc.Fields[name]
			if !ok {
				continue
			}
			if v, ok, fault := inJSON(field.Reveal(), rest); ok || fault != "" {
				return v, ok, fault
			}
		}
		// The fields say it all; that they are also Value's keys would only
		// bring bytes through JSON that it cannot carry.
		return secret.Value{}, false, ""
	}
	return inJSON(doc.Value.Reveal(), property)
}

func inJSON(doc []byte, property string) (secret.Value, bool, string) {
	if jsonFault(doc) != "" {
		return secret.Value{}, false, ""
	}
	root := gjson.ParseBytes(doc)
	if v, ok := walk(root, property); ok {
		return plainValue(v), true, ""
	}
	if fault := pathFault(doc, property); fault != "" {
		return secret.Value{}, false, fault
	}
	v := gjson.GetBytes(doc, property)
	if !v.Exists() {
		return secret.Value{}, false, ""
	}
	return plainValue(v), true, ""
}

// walk follows names with dots between, where a name may itself have dots:
// the whole rest is tried as one name first, then ever longer beginnings.
func walk(at gjson.Result, property string) (gjson.Result, bool) {
	if !at.IsObject() {
		return gjson.Result{}, false
	}
	if v, ok := member(at, property); ok {
		return v, true
	}
	for name, rest := range splits(property) {
		v, ok := member(at, name)
		if !ok {
			continue
		}
		if v, ok := walk(v, rest); ok {
			return v, true
		}
	}
	return gjson.Result{}, false
}

// member is the value of a key; the last, if the key is there twice, as Go
// reads JSON.
func member(at gjson.Result, name string) (found gjson.Result, ok bool) {
	at.ForEach(func(k, v gjson.Result) bool {
		if k.Str == name {
			found, ok = v, true
		}
		return true
	})
	return found, ok
}

// splits yields every way to cut s in two at a dot.
func splits(s string) func(yield func(head, tail string) bool) {
	return func(yield func(head, tail string) bool) {
		for i := range len(s) {
			if s[i] == '.' && i > 0 && i < len(s)-1 && !yield(s[:i], s[i+1:]) {
				return
			}
		}
	}
}

// plainValue is what a JSON value comes out as.
func plainValue(v gjson.Result) secret.Value {
	switch v.Type {
	case gjson.String:
		return secret.NewString(v.Str)
	case gjson.Null:
		return secret.Value{}
	}
	return secret.NewString(v.Raw)
}

// properties are the top-level keys of a JSON object.
func properties(v secret.Value) (secret.Data, string) {
	members, fault := object(v.Reveal())
	if fault != "" {
		return nil, fault
	}
	data := make(secret.Data, len(members))
	for name, m := range members {
		data[name] = plainValue(m)
	}
	return data, ""
}

// object parses a JSON object. The fault is a phrase that follows a subject
// and quotes nothing: the parser's own errors show what they trip over.
func object(doc []byte) (map[string]gjson.Result, string) {
	if fault := jsonFault(doc); fault != "" {
		return nil, fault
	}
	root := gjson.ParseBytes(doc)
	if !root.IsObject() {
		return nil, "is JSON, but not an object with keys"
	}
	members := map[string]gjson.Result{}
	root.ForEach(func(k, v gjson.Result) bool {
		members[k.Str] = v
		return true
	})
	return members, ""
}
