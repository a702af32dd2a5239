package seal

import (
	"bytes"
	"strings"
)

// What Helm and its like put in stands between the first two, a statement of
// Jinja between the next, and a comment of its between the last.
const (
	brace     = "{{"
	unbrace   = "}}"
	statement = "{%"
	unstate   = "%}"
	comment   = "{#"
	uncomment = "#}"
)

// maxAction bounds what is looked at for the end of one, but for comments: a
// licence may stand in them.
const maxAction = 8 << 10

// actions finds in a text what would be rendered.
type actions struct {
	text []byte
	// helm and jinja are where their comments end.
	helm, jinja far
	// among is up to where no action ends its line.
	among int
}

// next is where one may begin; -1 if none does any more.
func (a *actions) next(at int) int {
	for ; ; at++ {
		i := bytes.IndexByte(a.text[at:], '{')
		if i < 0 {
			return -1
		}
		if at += i; a.begins(at) {
			return at
		}
	}
}

func (a *actions) begins(at int) bool {
	rest := a.text[at:]
	return len(rest) >= len(brace) && rest[0] == '{' && (rest[1] == '{' || rest[1] == '%' || rest[1] == '#')
}

// word reports that what begins there puts something in.
func (a *actions) word(at int) bool { return bytes.HasPrefix(a.text[at:], []byte(brace)) }

// end is where one ends that begins there; -1 if it does not end.
func (a *actions) end(start int) int {
	rest := a.text[start:min(len(a.text), start+maxAction)]
	switch {
	case a.word(start):
		return a.braced(start)
	case bytes.HasPrefix(rest, []byte(statement)):
		if i := bytes.Index(rest, []byte(unstate)); i >= 0 {
			return start + i + len(unstate)
		}
	case bytes.HasPrefix(rest, []byte(comment)):
		if end := a.jinja.find(a.text, start+len(comment), uncomment); end < len(a.text) {
			return end + len(uncomment)
		}
	}
	return -1
}

// braced is the end of one in braces. What stands in quotes or in a comment ends
// none.
func (a *actions) braced(start int) int {
	at := start + len(brace)
	text := a.text[:min(len(a.text), start+maxAction)]
	if rest := bytes.TrimLeft(text[at:], "- \t\r\n"); bytes.HasPrefix(rest, []byte("/*")) {
		if at = a.helm.find(a.text, len(text)-len(rest)+len("/*"), "*/"); at == len(a.text) {
			return -1
		}
		text = a.text[:min(len(a.text), at+maxAction)]
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

// lineEnd is where the line ends in which an action ends, if there is nothing
// in it after that but more actions or a comment; else -1.
func (a *actions) lineEnd(at int) int {
	for at >= a.among {
		for at < len(a.text) && strings.IndexByte(" \t\r", a.text[at]) >= 0 {
			at++
		}
		switch {
		case at == len(a.text) || a.text[at] == '\n':
			return at
		case a.text[at] == '#':
			if end := bytes.IndexByte(a.text[at:], '\n'); end >= 0 {
				return at + end
			}
			return len(a.text)
		}
		end := -1
		if a.begins(at) {
			end = a.end(at)
		}
		if end < 0 {
			a.among = at
			return -1
		}
		at = end
	}
	return -1
}

// far is where something stands that may be far away, for all who look for it
// from the places before: each by itself would go through the text again.
type far struct {
	from, to int
	known    bool
}

// find is where it stands; the length of the text if it does not.
func (f *far) find(text []byte, from int, what string) int {
	if !f.known || from < f.from || from > f.to {
		*f = far{from, len(text), true}
		if i := bytes.Index(text[from:], []byte(what)); i >= 0 {
			f.to = from + i
		}
	}
	return f.to
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
