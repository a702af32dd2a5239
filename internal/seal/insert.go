package seal

import (
	"bytes"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// insert adds an entry: where its key belongs if they are sorted, else last.
func (w *writer) insert(key, value string) ([]edit, error) {
	line := w.keyText(key) + ": " + w.quoted(value)
	data := content(w.data)
	switch {
	case data.Kind == yaml.MappingNode && len(data.Content) > 0 && flow(data):
		return w.insertFlow(data, line)
	case data.Kind == yaml.MappingNode && len(data.Content) > 0:
		return w.insertBlock(data, key, line)
	case data.Kind == yaml.MappingNode:
		return w.insertFirst(data, key, value)
	}
	return w.insertNull(line)
}

func (w *writer) insertBlock(data *yaml.Node, key, line string) ([]edit, error) {
	first, err := w.offset(data.Content[0])
	if err != nil {
		return nil, err
	}
	indent, own := w.source.indent(first)
	if !own {
		return nil, errShared
	}
	after := previous(data, key)
	if after < 0 {
		// Not right before the first: a comment there is about that one.
		return []edit{w.newLine(w.at, indent+line)}, nil
	}
	_, end, err := w.bounds(data.Content[after], data.Content[after+1])
	if err != nil {
		return nil, err
	}
	return []edit{w.newLine(end, indent+line)}, nil
}

// newLine puts a line after the one of an offset.
func (w *writer) newLine(at int, line string) edit {
	end, _ := w.lineEnd(at)
	return edit{end, end, w.eol(at) + line}
}

// previous is the index of the key after which another belongs; -1 if it
// belongs before all.
func previous(data *yaml.Node, key string) int {
	var keys []string
	for i := 0; i < len(data.Content); i += 2 {
		keys = append(keys, data.Content[i].Value)
	}
	if !slices.IsSorted(keys) {
		return 2 * (len(keys) - 1)
	}
	i, _ := slices.BinarySearch(keys, key)
	return 2 * (i - 1)
}

func (w *writer) insertFlow(data *yaml.Node, line string) ([]edit, error) {
	last := data.Content[len(data.Content)-2]
	at, err := w.offset(last)
	if err != nil {
		return nil, err
	}
	_, end, err := w.bounds(last, data.Content[len(data.Content)-1])
	if err != nil {
		return nil, err
	}
	gap := " "
	if indent, own := w.source.indent(at); own {
		gap = w.eol(at) + indent
	}
	return []edit{{end, end, "," + gap + line}}, nil
}

// insertFirst fills an empty mapping, {}.
func (w *writer) insertFirst(data *yaml.Node, key, value string) ([]edit, error) {
	start, err := w.offset(data)
	if err != nil {
		return nil, err
	}
	start = w.skipProperties(start)
	if start >= len(w.text) || w.text[start] != '{' {
		return nil, errShared
	}
	end := start + 1
	end += len(w.text[end:]) - len(bytes.TrimLeft(w.text[end:], " \t\r\n"))
	if end >= len(w.text) || w.text[end] != '}' {
		return nil, errShared
	}
	if w.json {
		return []edit{{start + 1, end, `"` + key + `": "` + value + `"`}}, nil
	}
	// What was written for JSON alone does not read well in YAML.
	colon, err := w.colon(w.name)
	if err != nil {
		return nil, err
	}
	w.data = &yaml.Node{Kind: yaml.MappingNode}
	if strings.TrimSpace(string(w.text[colon:start])) == "" {
		start = colon
	}
	return []edit{{start, end + 1, ""}, w.newLine(end, w.indent+w.step+w.keyText(key)+": "+value)}, nil
}

// insertNull fills a mapping of which only the name was written.
func (w *writer) insertNull(line string) ([]edit, error) {
	colon, err := w.colon(w.name)
	if err != nil {
		return nil, err
	}
	if w.json || w.data.Kind != yaml.ScalarNode || w.data.Value != "" {
		return nil, errShared
	}
	return []edit{w.newLine(colon, w.indent+w.step+line)}, nil
}

// remove takes an entry out: in a block its lines, else with its comma.
func (w *writer) remove(key, value *yaml.Node) ([]edit, error) {
	start, err := w.offset(key)
	if err != nil {
		return nil, err
	}
	_, end, err := w.bounds(key, value)
	if err != nil {
		return nil, err
	}
	data := content(w.data)
	if flow(data) {
		return w.removeFlow(data, key, start, end)
	}
	if _, own := w.source.indent(start); !own {
		return nil, errShared
	}
	first := w.lineStart(start)
	before, after := w.lineEnd(end)
	if before == after && first > 0 { // the last line of a text that does not end with one
		first, _ = w.lineEnd(w.lineStart(first - 1))
	}
	edits := []edit{{first, after, ""}}
	if len(data.Content) == 2 { // without any, what is left would be no mapping
		colon, err := w.colon(w.name)
		if err != nil {
			return nil, err
		}
		edits = []edit{{colon, colon, " {}"}, edits[0]}
	}
	return edits, nil
}

func (w *writer) removeFlow(data, key *yaml.Node, start, end int) ([]edit, error) {
	i := slices.Index(data.Content, key)
	switch {
	case i+2 < len(data.Content):
		next, err := w.offset(data.Content[i+2])
		return []edit{{start, next, ""}}, err
	case i > 0:
		_, from, err := w.bounds(data.Content[i-2], data.Content[i-1])
		return []edit{{from, end, ""}}, err
	}
	return []edit{{start, end, ""}}, nil
}
