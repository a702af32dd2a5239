package seal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// source is a text and where its lines begin, as the parser counts them.
type source struct {
	text []byte
	// skipped is how many bytes stood before the text.
	skipped int
	starts  []int
}

func newSource(text []byte, skipped int) source {
	s := source{text: text, skipped: skipped, starts: []int{0}}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			n = 2
		}
		i += n
		switch r {
		case '\r', '\n', '\u0085', '\u2028', '\u2029': // YAML's line ends
			s.starts = append(s.starts, i)
		}
	}
	return s
}

var errLost = errors.New("the place cannot be found in the text")

// offset is where a node begins.
func (s *source) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(s.starts) {
		return 0, errLost
	}
	at := s.starts[n.Line-1]
	for range n.Column - 1 {
		if at >= len(s.text) {
			return 0, errLost
		}
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at, nil
}

// lineStart is where the line of an offset begins.
func (s *source) lineStart(at int) int {
	i, found := slices.BinarySearch(s.starts, at)
	if !found {
		i--
	}
	return s.starts[i]
}

// lineEnd is where the line of an offset ends: before its line end, and after.
func (s *source) lineEnd(at int) (before, after int) {
	after = len(s.text)
	if i, _ := slices.BinarySearch(s.starts, at+1); i < len(s.starts) {
		after = s.starts[i]
	}
	before = after
	for _, end := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasSuffix(s.text[:after], []byte(end)) && after-len(end) >= at {
			before = after - len(end)
			break
		}
	}
	return before, after
}

// eol is the line end to write after the line of an offset.
func (s *source) eol(at int) string {
	if before, after := s.lineEnd(at); after > before {
		return string(s.text[before:after])
	}
	if bytes.Contains(s.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// indent is what stands before a node on its line, if that is spaces alone.
func (s *source) indent(at int) (string, bool) {
	before := string(s.text[s.lineStart(at):at])
	return before, strings.Trim(before, " \t") == ""
}

// span is where the text of a scalar or alias begins and ends, without the
// anchor and tag before it. inside is the indentation of what holds it.
func (s *source) span(n *yaml.Node, inside int) (start, end int, err error) {
	if start, err = s.offset(n); err != nil {
		return 0, 0, err
	}
	start = s.skipProperties(start)
	rest := s.text[start:]
	length := -1
	switch {
	case n.Kind == yaml.AliasNode:
		if name := "*" + n.Value; bytes.HasPrefix(rest, []byte(name)) {
			length = len(name)
		}
	case n.Kind != yaml.ScalarNode:
	case n.Style&yaml.DoubleQuotedStyle != 0:
		length = doubleQuoted(rest)
	case n.Style&yaml.SingleQuotedStyle != 0:
		length = singleQuoted(rest)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return start, s.block(start, inside), nil
	default:
		length = plain(rest, n.Value)
	}
	if length < 0 {
		return 0, 0, errLost
	}
	return start, start + length, nil
}

// skipProperties goes past anchors and tags.
func (s *source) skipProperties(at int) int {
	for at < len(s.text) && (s.text[at] == '&' || s.text[at] == '!') {
		at += wordEnd(s.text[at:])
		at += len(s.text[at:]) - len(bytes.TrimLeft(s.text[at:], " \t\r\n"))
	}
	return at
}

func wordEnd(text []byte) int {
	if i := bytes.IndexAny(text, " \t\r\n"); i >= 0 {
		return i
	}
	return len(text)
}

func doubleQuoted(text []byte) int {
	if len(text) == 0 || text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func singleQuoted(text []byte) int {
	if len(text) == 0 || text[0] != '\'' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return -1
}

// plain is how long an unquoted value is in the text: where it is broken into
// lines, any white space stands for one space of it.
func plain(text []byte, value string) int {
	at := 0
	for i := 0; i < len(value); {
		if c := value[i]; c == ' ' || c == '\n' || c == '\t' {
			gap := len(text[at:]) - len(bytes.TrimLeft(text[at:], " \t\r\n"))
			if gap == 0 {
				return -1
			}
			at += gap
			i += len(value[i:]) - len(strings.TrimLeft(value[i:], " \t\n"))
			continue
		}
		if at >= len(text) || text[at] != value[i] {
			return -1
		}
		at, i = at+1, i+1
	}
	return at
}

// block is where a value of the form | or > ends: with the last line that is
// not empty and stands further in than what holds it.
func (s *source) block(start, inside int) int {
	end, next := s.lineEnd(start)
	for next < len(s.text) {
		before, after := s.lineEnd(next)
		line := s.text[next:before]
		spaces := len(line) - len(bytes.TrimLeft(line, " "))
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case spaces > inside:
			end = before
		default:
			return end
		}
		next = after
	}
	return end
}
