package seal

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Change is what becomes of one entry of an object's encryptedData.
type Change struct {
	Object *Object
	Key    string
	// Value is the new ciphertext; none removes the entry.
	Value string
}

// edit puts a text in place of another.
type edit struct {
	start, end int
	with       string
}

// Apply makes the changes, and leaves every other byte as it is. What cannot
// be changed so is an error.
func (f *File) Apply(changes ...Change) ([]byte, error) {
	var edits []edit
	for _, c := range changes {
		e, err := f.edits(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Object.Title(), err)
		}
		edits = append(edits, e...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at {
			return nil, errShared
		}
		out = append(append(out, f.source.text[at:e.start]...), e.with...)
		at = e.end
	}
	out = append(out, f.source.text[at:]...)
	if err := f.check(out, changes); err != nil {
		return nil, err
	}
	return append([]byte(bom[:f.source.skipped]), out...), nil
}

// errShared: the text cannot be changed without changing the meaning of
// something else.
var errShared = errors.New("it cannot be changed in place, for anchors, merges or an unusual form tie it to other parts of the file: write it out plainly first")

// check reads the new text: it must say what the old one did, but for the
// changes.
func (f *File) check(out []byte, changes []Change) error {
	after, err := ParseFile(out)
	if err != nil {
		return errShared
	}
	before, err := ParseFile(f.source.text)
	if err != nil {
		return err
	}
	for _, c := range changes {
		tree := before.trees[c.Object.at].(object)
		if c.Object.item >= 0 {
			tree = tree["items"].([]any)[c.Object.item].(object)
		}
		spec, _ := tree["spec"].(object)
		data, _ := spec["encryptedData"].(object)
		next := object{}
		for k, v := range data {
			next[k] = v
		}
		if next[c.Key] = c.Value; c.Value == "" {
			delete(next, c.Key)
		}
		spec["encryptedData"] = next
	}
	if !reflect.DeepEqual(before.trees, after.trees) {
		return errShared
	}
	return nil
}

// edits says how to make one change.
func (f *File) edits(c Change) ([]edit, error) {
	w := writer{source: &f.source}
	var err error
	if w.name, w.data = entry(field(c.Object.node, "spec"), "encryptedData"); w.name == nil {
		return nil, errors.New("it has no spec.encryptedData of its own")
	}
	if w.at, err = f.source.offset(w.name); err != nil {
		return nil, err
	}
	indent, own := f.source.indent(w.at)
	w.indent, w.json = indent, !own || flow(content(field(c.Object.node, "spec")))
	w.step = "  "
	if spec, _ := entry(c.Object.node, "spec"); spec != nil && !w.json && w.name.Column > spec.Column {
		w.step = strings.Repeat(" ", w.name.Column-spec.Column)
	}
	key, value := entry(w.data, c.Key)
	switch {
	case key == nil && c.Value == "":
		return nil, fmt.Errorf("there is no key %q in it", c.Key)
	case c.Value == "":
		return w.remove(key, value)
	case key == nil:
		return w.insert(c.Key, c.Value)
	}
	return w.replace(key, value, c.Value)
}

func flow(n *yaml.Node) bool { return n != nil && n.Style&yaml.FlowStyle != 0 }

// writer changes one mapping, encryptedData.
type writer struct {
	*source
	name, data *yaml.Node // its key and its value
	at         int        // where the key begins
	indent     string     // what stands before the key
	step       string     // what stands before a key in it, beyond that
	json       bool       // the key is in a mapping with braces
}

// colon is where the value of a key begins: after the colon.
func (w *writer) colon(key *yaml.Node) (int, error) {
	_, end, err := w.span(key, 0)
	if err != nil {
		return 0, err
	}
	for end < len(w.text) && (w.text[end] == ' ' || w.text[end] == '\t') {
		end++
	}
	if end == len(w.text) || w.text[end] != ':' {
		return 0, errShared
	}
	return end + 1, nil
}

// bounds is where the value of an entry begins and ends.
func (w *writer) bounds(key, value *yaml.Node) (start, end int, err error) {
	if value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0 { // nothing was written
		start, err = w.colon(key)
		return start, start, err
	}
	return w.span(value, key.Column-1)
}

func (w *writer) replace(key, value *yaml.Node, with string) ([]edit, error) {
	start, end, err := w.bounds(key, value)
	if err != nil {
		return nil, err
	}
	switch {
	case start == end:
		with = " " + w.quoted(with)
	case value.Style&yaml.SingleQuotedStyle != 0:
		with = "'" + with + "'"
	case value.Style&yaml.DoubleQuotedStyle != 0:
		with = `"` + with + `"`
	}
	return []edit{{start, end, with}}, nil
}

func (w *writer) quoted(text string) string {
	if w.json || flow(w.data) {
		return `"` + text + `"`
	}
	return text
}

// plainKey is one that no reader of YAML takes for anything but a word.
var plainKey = regexp.MustCompile(`^[A-Za-z_][-._A-Za-z0-9]*$`)

func (w *writer) keyText(key string) string {
	switch strings.ToLower(key) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return `"` + key + `"`
	}
	if !plainKey.MatchString(key) {
		return `"` + key + `"`
	}
	return w.quoted(key)
}
