package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"unicode/utf8"
)

// maxParts is of how many parts YAML may be made: when it is read, each takes
// hundreds of bytes.
const maxParts = 1 << 17

// grows refuses what is larger by far when it is read than as it came: YAML of
// aliases, a thousand of which may name one text, and of very many small parts.
// JSON is not, and kubeseal sends nothing else from 0.24 on; before, it sends a
// file as it is.
func grows(text []byte) error {
	if bytes.HasPrefix(text, []byte("{")) && json.Valid(text) {
		return nil
	}
	parts := 0
	for _, indicator := range []string{":", ",", "-", "?", "[", "{"} {
		parts += bytes.Count(text, []byte(indicator))
	}
	switch {
	case !utf8.Valid(text):
		return &failure{http.StatusBadRequest, "the body is no text in UTF-8"}
	case parts > maxParts:
		return &failure{http.StatusBadRequest, fmt.Sprintf("the body is YAML of more than %d parts: send it as JSON", maxParts)}
	case aliased(text):
		return &failure{http.StatusBadRequest, "the body is YAML with aliases (&x and *x, be it in a comment or a text): write out what they stand for, or send it as JSON"}
	}
	return nil
}

// An anchor and an alias as every parser of YAML takes them: no word goes
// before. To be sure that none takes more for one than is found here, quotes
// and comments are not left out: YAML without any alias is refused too where
// both stand there with one name.
var (
	anchor = regexp.MustCompile(`(?:^|[^0-9A-Za-z_/])&([0-9A-Za-z_-]+)`)
	alias  = regexp.MustCompile(`(?:^|[^0-9A-Za-z_/])\*([0-9A-Za-z_-]+)`)
)

// aliased reports that an alias may name an anchor.
func aliased(text []byte) bool {
	anchors := map[string]bool{}
	for _, m := range anchor.FindAllSubmatchIndex(text, -1) {
		anchors[string(text[m[2]:m[3]])] = true
	}
	if len(anchors) == 0 {
		return false
	}
	for _, m := range alias.FindAllSubmatchIndex(text, -1) {
		if anchors[string(text[m[2]:m[3]])] {
			return true
		}
	}
	return false
}
