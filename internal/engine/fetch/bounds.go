package fetch

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// maxNesting bounds JSON that is looked into: parsers recurse.
const maxNesting = 1000

// jsonFault says why doc is not taken for JSON, in a phrase that follows a
// subject; empty if it is.
func jsonFault(doc []byte) string {
	if nesting(doc) > maxNesting {
		return fmt.Sprintf("is JSON nested deeper than %d", maxNesting)
	}
	if !gjson.ValidBytes(doc) {
		return "is not JSON"
	}
	return ""
}

// nesting is the depth of JSON, found without recursion.
func nesting(doc []byte) int {
	depth, deepest := 0, 0
	inString, escaped := false, false
	for _, c := range doc {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

const (
	maxPath = 1024     // bytes of a gjson path
	maxWork = 64 << 20 // bytes that one may make
)

// pathFault bounds what a gjson path may make of a document: each modifier
// and each part of a multipath may copy all of it, and a literal or an indent
// may be added for every element.
func pathFault(doc []byte, path string) string {
	if len(path) > maxPath {
		return fmt.Sprintf("the path has more than %d characters", maxPath)
	}
	work := float64(len(doc) + 1)
	if strings.ContainsAny(path, "{[!") {
		work *= float64(len(path))
	}
	if strings.Contains(path, "@pretty") {
		work *= float64(len(path) * (nesting(doc) + 1))
	}
	for _, c := range path {
		if strings.ContainsRune("@,{[", c) {
			work *= 2
		}
		if work > maxWork {
			return "the path could make too much of this secret; use fewer modifiers"
		}
	}
	return ""
}
