package externalsecrets

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
	p.note(delivery.Invalid, field, format, args...)
}

// unsupported notes that a field asks for what is not served yet. The text
// says what is, and the way out.
func (p *problems) unsupported(field, format string, args ...any) {
	p.note(delivery.Unsupported, field, format, args...)
}

func (p *problems) note(kind delivery.ErrorKind, field, format string, args ...any) {
	if p.first == nil {
		p.first = &delivery.Error{Kind: kind, Message: field + ": " + fmt.Sprintf(format, args...)}
	}
}

func wrongKind(want string, obj client.Object) error {
	return &delivery.Error{Kind: delivery.Invalid, Message: fmt.Sprintf("kind: want %s, got a %T", want, obj)}
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

// choose reads a word that is one of a few; the first of them is meant where
// the field is absent.
func choose[T ~string](p *problems, field, got string, words ...T) T {
	if got == "" {
		return words[0]
	}
	all := make([]string, len(words))
	for i, w := range words {
		if string(w) == got {
			return w
		}
		all[i] = string(w)
	}
	p.invalid(field, "%s is none of %s", quote(got), strings.Join(all, ", "))
	return words[0]
}

// duration reads a duration such as "1h30m"; def where the field is absent.
func duration(p *problems, field, got string, def time.Duration) time.Duration {
	if got == "" {
		return def
	}
	d, err := time.ParseDuration(got)
	if err != nil {
		p.invalid(field, `%s is no duration; write it as in "90s", "15m" or "1h30m"`, quote(got))
		return def
	}
	return d
}

// secondsOrDuration reads a number of seconds or a duration.
func secondsOrDuration(p *problems, field string, raw []byte) time.Duration {
	var d time.Duration
	var text string
	var seconds int64
	switch {
	case len(raw) == 0:
		return 0
	case json.Unmarshal(raw, &text) == nil:
		d = duration(p, field, text, 0)
	case json.Unmarshal(raw, &seconds) == nil && seconds <= int64(maxInterval/time.Second):
		d = time.Duration(seconds) * time.Second
	default:
		p.invalid(field, `%s is neither a number of seconds nor a duration such as "5m"`, quote(string(raw)))
	}
	if d < 0 {
		p.invalid(field, "%s is negative", d)
		return 0
	}
	return d
}

// maxInterval is the longest interval in seconds that we take, a hundred
// years: more overflows when it is added to a time.
const maxInterval = 100 * 365 * 24 * time.Hour
