package mirrors

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// problems keeps the first problem of a manifest, so that a translation reads
// on and returns all that it could understand.
type problems struct{ first *delivery.Error }

func (p *problems) err() error {
	if p.first == nil {
		return nil
	}
	return p.first
}

// invalid notes that a field contradicts itself or makes no sense.
func (p *problems) invalid(field, format string, args ...any) {
	if p.first == nil {
		p.first = &delivery.Error{Kind: delivery.Invalid, Message: field + ": " + fmt.Sprintf(format, args...)}
	}
}

// oneOf checks a word; the first is meant where the field is absent.
func (p *problems) oneOf(field, got string, words ...string) {
	if got == "" {
		return
	}
	for _, w := range words {
		if got == w {
			return
		}
	}
	p.invalid(field, "%s is none of %s", quote(got), strings.Join(words, ", "))
}

// maxQuote bounds what is quoted of a manifest: it is a hint, not a copy.
const maxQuote = 80

// quote quotes a word of the manifest. It is for words that are no secrets.
func quote(s string) string { return strconv.Quote(cut(s, maxQuote)) }

// cut shortens s to at most n bytes, without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	return strings.ToValidUTF8(s[:n-len(dots)], "") + dots
}
