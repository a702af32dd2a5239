package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// blame tells of a text that cannot be read whether that is only because another
// program has yet to render it, and why it cannot: a SealedSecret may be full of
// braces in its own template and be broken all the same.
//
// Something is put in each place that would be rendered. A line that would be
// nothing else is left empty, for most such lines say which of the others stay:
// then a key may well stand twice. If that will not do, so is the end of a line:
// what is put in there may begin with the next one.
func blame(text []byte, why error) fileError {
	if (&actions{text: text}).next(0) < 0 {
		return fileError{error: why}
	}
	filled := fill(text, filling{line: "x: x: x"}) // harmless only in a text of several lines
	docs, trees, err := readYAML(filled)
	unquoted := err == nil && inTemplates(filled, docs, trees)
	for _, with := range []filling{{}, {noEnds: true}} {
		if !errors.Is(err, errNotYAML) {
			break
		}
		if err = readable(fill(text, with)); !errors.Is(err, errNotYAML) {
			err = nil
		}
	}
	if err != nil {
		return fileError{error: err}
	}
	return fileError{fmt.Errorf("%w (a template must be rendered first)", why), true, unquoted}
}

// inTemplates reports that all words that were put in stand in what
// SealedSecrets have for templates of their own.
func inTemplates(filled []byte, docs []*yaml.Node, trees []any) bool {
	var f File
	words := 0
	for i, doc := range docs {
		if f.find(doc, trees[i], i) != nil {
			return false
		}
	}
	for _, o := range f.Objects {
		spec, _ := o.tree["spec"].(object)
		own, err := json.Marshal(spec["template"])
		if err != nil {
			return false
		}
		words += bytes.Count(own, []byte(filler))
	}
	return words > 0 && words == bytes.Count(filled, []byte(filler))
}

// readable is why the documents of a text cannot be read.
func readable(text []byte) error {
	_, _, err := readYAML(text)
	return err
}

// filler is what the words begin with that are put in.
const filler = "x__"

// filling says what is put in beside words.
type filling struct {
	// line is what lines become that would be rendered wholly.
	line string
	// noEnds has nothing put in at the end of a line.
	noEnds bool
}

// fill puts a word in each place that would be rendered, another each time, for
// it may be a key.
func fill(text []byte, with filling) []byte {
	var out bytes.Buffer
	a := actions{text: text}
	at, begin := 0, 0 // begin is where the line begins
	for words := 1; ; {
		start := a.next(at)
		if start < 0 {
			out.Write(text[at:])
			return out.Bytes()
		}
		if i := bytes.LastIndexByte(text[at:start], '\n'); i >= 0 {
			begin = at + i + 1
		}
		out.Write(text[at:start])
		first := begin >= at
		alone := first && len(bytes.TrimSpace(text[begin:start])) == 0
		if at = -1; alone || a.word(start) { // Jinja's others stand alone, or may be anything
			at = a.end(start)
		}
		if at < 0 {
			at = start + len(brace)
			out.Write(text[start:at])
			continue
		}
		if alone || with.noEnds {
			if end := a.lineEnd(at); end >= 0 {
				if alone {
					out.WriteString(with.line)
				}
				out.WriteString(strings.Repeat("\n", bytes.Count(text[start:end], []byte("\n"))))
				at = end
				continue
			}
		}
		if !a.word(start) {
			at = start + len(statement)
			out.Write(text[start:at])
			continue
		}
		if first && glued(text[begin:start]) {
			out.WriteByte(' ') // what is put in begins with the end of the line
		}
		fmt.Fprintf(&out, "%s%d", filler, words)
		words++
	}
}

// glued reports that what stands before an action in its line is a key and its
// colon, as in labels:{{- toYaml .labels | nindent 4 }}.
func glued(before []byte) bool {
	key, ok := bytes.CutSuffix(bytes.TrimLeft(before, " -"), []byte(":"))
	return ok && len(key) > 0 && !bytes.ContainsAny(key, " \t\"':{")
}
