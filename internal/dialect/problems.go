package dialect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Problems keeps the first problem of a manifest, so that a translation reads
// on and returns all that it could understand.
type Problems struct{ first *delivery.Error }

// Err is the first problem; nil if there was none.
func (p *Problems) Err() error {
	if p.first == nil {
		return nil
	}
	return p.first
}

// Invalid notes that a field contradicts itself or makes no sense. The text
// says the way out.
func (p *Problems) Invalid(field, format string, args ...any) {
	p.Note(delivery.Invalid, field, format, args...)
}

// Unsupported notes that a field asks for what is not served. The text says
// what is, and the way out.
func (p *Problems) Unsupported(field, format string, args ...any) {
	p.Note(delivery.Unsupported, field, format, args...)
}

// Note notes a problem of any kind with a field.
func (p *Problems) Note(kind delivery.ErrorKind, field, format string, args ...any) {
	if p.first == nil {
		p.first = problem(kind, field, format, args...)
	}
}

// OneOf notes if a word is not one of a few, and returns it if it is. Empty is
// none of them and fine.
func (p *Problems) OneOf(field, got string, words ...string) string {
	if got != "" && !slices.Contains(words, got) {
		p.Invalid(field, "%s is none of %s", Quote(got), strings.Join(words, ", "))
		return ""
	}
	return got
}

// Invalid says of one field or annotation that it makes no sense, and the way
// out.
func Invalid(field, format string, args ...any) *delivery.Error {
	return problem(delivery.Invalid, field, format, args...)
}

func problem(kind delivery.ErrorKind, field, format string, args ...any) *delivery.Error {
	return &delivery.Error{Kind: kind, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// WrongKind is the error of a dialect that is given an object of another kind.
func WrongKind(want string, obj client.Object) error {
	return Invalid("kind", "want %s, got a %T", want, obj)
}

// MaxQuote bounds what is quoted of a manifest: it is a hint, not a copy.
const MaxQuote = 80

// Quote quotes a word of a manifest. It is for words that are no secrets.
func Quote(s string) string { return strconv.Quote(Cut(s, MaxQuote)) }

// Cut shortens s to at most n bytes, without breaking a character.
func Cut(s string, n int) string {
	const dots = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len(dots)], "") + dots
}
