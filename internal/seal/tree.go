package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// Every input has a bound.
const (
	// maxFile is the size of a manifest file.
	maxFile = 16 << 20
	// maxNodes is of how many parts its documents are made when the aliases
	// are followed; their words have maxFile bytes then.
	maxNodes = 1 << 20
	maxDepth = 100
)

// object is a mapping of a YAML document as the API would be given it.
type object = map[string]any

// parseYAML reads every document of a text. Its errors quote nothing.
func parseYAML(text []byte) ([]*yaml.Node, error) {
	switch {
	case len(text) > maxFile:
		return nil, fmt.Errorf("it has more than %d bytes: it is no manifest", maxFile)
	case !utf8.Valid(text):
		return nil, errors.New("it is no text in UTF-8: save it as that")
	}
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		doc := &yaml.Node{}
		switch err := dec.Decode(doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, notYAML(err)
		}
		docs = append(docs, doc)
	}
}

// notYAML keeps of the parser's error the place alone: the rest may quote.
func notYAML(err error) error {
	var line int
	if _, rest, ok := strings.Cut(err.Error(), "line "); ok {
		if n, _ := fmt.Sscanf(rest, "%d", &line); n == 1 {
			return fmt.Errorf("line %d: %w", line, errNotYAML)
		}
	}
	return errNotYAML
}

var errNotYAML = errors.New("this is no YAML")

// readYAML reads every document of a text, and what each stands for.
func readYAML(text []byte) (docs []*yaml.Node, trees []any, err error) {
	if docs, err = parseYAML(text); err != nil {
		return nil, nil, err
	}
	var r reader
	for _, doc := range docs {
		tree, err := r.read(doc, 0)
		if err != nil {
			return nil, nil, err
		}
		trees = append(trees, tree)
	}
	return docs, trees, nil
}

// reader turns nodes into what they stand for.
type reader struct{ nodes, bytes int }

// read gives maps, lists, strings, numbers, booleans and nil, with aliases
// and merges followed. A key that stands twice is refused: which of them holds
// is another in each reader.
func (r *reader) read(n *yaml.Node, depth int) (any, error) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, tooLarge(n)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return r.read(n.Content[0], depth+1)
	case yaml.AliasNode:
		return r.read(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			item, err := r.read(c, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case yaml.MappingNode:
		return r.mapping(n, depth)
	}
	return r.scalar(n)
}

func tooLarge(n *yaml.Node) error {
	return fmt.Errorf("line %d: the document is too large or too deep", n.Line)
}

// count bounds the bytes of what the aliases stand for, each time anew: so
// often are they written when it is decoded.
func (r *reader) count(n *yaml.Node) error {
	if r.bytes += len(n.Value); r.bytes > maxFile {
		return tooLarge(n)
	}
	return nil
}

func (r *reader) mapping(n *yaml.Node, depth int) (any, error) {
	out := make(object, len(n.Content)/2)
	merged := object{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		value, err := r.read(v, depth+1)
		if err != nil {
			return nil, err
		}
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			if err := merge(merged, value, k.Line); err != nil {
				return nil, err
			}
			continue
		}
		name, err := r.key(k)
		if err != nil {
			return nil, err
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("line %d: this key stands twice", k.Line)
		}
		out[name] = value
	}
	for k, v := range merged {
		if _, own := out[k]; !own {
			out[k] = v
		}
	}
	return out, nil
}

func (r *reader) key(k *yaml.Node) (string, error) {
	if k.Kind == yaml.AliasNode {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: a key of a manifest is a word", k.Line)
	}
	return k.Value, r.count(k)
}

// merge takes what `<<` names; the first that has a key gives it.
func merge(into object, from any, line int) error {
	switch from := from.(type) {
	case object:
		for k, v := range from {
			if _, known := into[k]; !known {
				into[k] = v
			}
		}
		return nil
	case []any:
		for _, f := range from {
			if err := merge(into, f, line); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("line %d: only mappings can be merged", line)
}

func (r *reader) scalar(n *yaml.Node) (any, error) {
	if err := r.count(n); err != nil {
		return nil, err
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, fmt.Errorf("line %d: this cannot be read", n.Line)
		}
		return v, nil
	case "!!binary":
		return nil, fmt.Errorf("line %d: !!binary means another thing to each tool: write base64 under data", n.Line)
	}
	return n.Value, nil
}

// into decodes a part of a document as the API's types do. Its error quotes
// nothing.
func into(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return errors.New("it cannot be written as JSON")
	}
	err = json.Unmarshal(text, to)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return unfitError{wrong.Field, strings.SplitN(wrong.Value, " ", 2)[0]}
	}
	if err != nil {
		return errors.New("its fields are not of the types that they must have")
	}
	return nil
}

// unfitError is that a field, in its path, holds another kind of thing than it
// must.
type unfitError struct{ field, holds string }

func (e unfitError) Error() string { return e.field + " cannot be a " + e.holds }

// text is a word of an object; empty if it is none.
func text(o object, field string) string {
	s, _ := o[field].(string)
	return s
}
