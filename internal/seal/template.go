package seal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// What Helm and its like put in stands between these.
const (
	brace   = "{{"
	unbrace = "}}"
)

// maxAction bounds what is looked at for the end of one.
const maxAction = 8 << 10

// blame tells of a text that cannot be read whether that is only because another
// program has yet to render it, and why it cannot: a SealedSecret may be full of
// braces in its own template and be broken all the same.
//
// Something is put in each place that would be rendered. A line that would be
// nothing else is left empty, for most such lines say which of the others stay:
// then a key may well stand twice.
func blame(text []byte, why error) (template bool, err error) {
	if !bytes.Contains(text, []byte(brace)) {
		return false, why
	}
	err = readable(fill(text, "x: x: x")) // harmless only in a text of several lines
	if errors.Is(err, errNotYAML) {
		if err = readable(fill(text, "")); !errors.Is(err, errNotYAML) {
			err = nil
		}
	}
	if err != nil {
		return false, err
	}
	return true, fmt.Errorf("%w (a template must be rendered first)", why)
}

// readable is why the documents of a text cannot be read.
func readable(text []byte) error {
	_, _, err := readYAML(text)
	return err
}

// fill puts a word in each place that would be rendered, another each time, for
// it may be a key. Lines that are nothing else become the given one.
func fill(text []byte, line string) []byte {
	var out bytes.Buffer
	at, begin := 0, 0 // begin is where the line begins
	for words := 1; ; {
		next := bytes.Index(text[at:], []byte(brace))
		if next < 0 {
			out.Write(text[at:])
			return out.Bytes()
		}
		start := at + next
		if i := bytes.LastIndexByte(text[at:start], '\n'); i >= 0 {
			begin = at + i + 1
		}
		out.Write(text[at:start])
		first := begin >= at
		if at = action(text, start); at < 0 {
			at = start + len(brace)
			out.WriteString(brace)
			continue
		}
		if first && len(bytes.TrimSpace(text[begin:start])) == 0 {
			if end := wholeLine(text, at); end >= 0 {
				out.WriteString(line + strings.Repeat("\n", bytes.Count(text[start:end], []byte("\n"))))
				at = end
				continue
			}
		}
		if first && glued(text[begin:start]) {
			out.WriteByte(' ') // what is put in begins with the end of the line
		}
		fmt.Fprintf(&out, "x%d", words)
		words++
	}
}

// wholeLine is where the line ends in which an action ends, if there is nothing
// in it after that but more actions or a comment; else -1.
func wholeLine(text []byte, at int) int {
	for {
		for at < len(text) && strings.IndexByte(" \t\r", text[at]) >= 0 {
			at++
		}
		switch {
		case at == len(text) || text[at] == '\n':
			return at
		case text[at] == '#':
			if end := bytes.IndexByte(text[at:], '\n'); end >= 0 {
				return at + end
			}
			return len(text)
		case !bytes.HasPrefix(text[at:], []byte(brace)):
			return -1
		}
		if at = action(text, at); at < 0 {
			return -1
		}
	}
}

// glued reports that what stands before an action in its line is a key and its
// colon, as in labels:{{- toYaml .labels | nindent 4 }}.
func glued(before []byte) bool {
	key, ok := bytes.CutSuffix(bytes.TrimLeft(before, " -"), []byte(":"))
	return ok && len(key) > 0 && !bytes.ContainsAny(key, " \t\"':{")
}

// action is where one ends that begins there; -1 if it does not end. What
// stands in quotes or in a comment ends none.
func action(text []byte, start int) int {
	text = text[:min(len(text), start+maxAction)]
	at := start + len(brace)
	if rest := bytes.TrimLeft(text[at:], "- \t\r\n"); bytes.HasPrefix(rest, []byte("/*")) {
		at = len(text) - len(rest)
		if end := bytes.Index(rest, []byte("*/")); end >= 0 {
			at += end
		}
	}
	for at < len(text) {
		rest := text[at:]
		switch {
		case bytes.HasPrefix(rest, []byte(unbrace)):
			return at + len(unbrace)
		case bytes.HasPrefix(rest, []byte(brace)):
			return -1
		case rest[0] == '\\':
			at++ // it stands in quotes of YAML
		case rest[0] == '"' || rest[0] == '`':
			at += closed(rest)
		}
		at++
	}
	return -1
}

// closed is where in a text the quote is closed that it begins with; 0 if it is
// not.
func closed(text []byte) int {
	if text[0] == '`' {
		return bytes.IndexByte(text[1:], '`') + 1
	}
	end := doubleQuoted(text)
	if end < 0 || bytes.IndexByte(text[:end], '\n') >= 0 {
		return 0
	}
	return end - 1
}
