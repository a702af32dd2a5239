package externalsecrets

import (
	"encoding/json"
	"time"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

// choose reads a word that is one of a few; the first of them is meant where
// the field is absent.
func choose[T ~string](p *dialect.Problems, field, got string, words ...T) T {
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
	p.OneOf(field, got, all...)
	return words[0]
}

// duration reads a duration such as "1h30m"; def where the field is absent.
func duration(p *dialect.Problems, field, got string, def time.Duration) time.Duration {
	if got == "" {
		return def
	}
	d, err := time.ParseDuration(got)
	if err != nil {
		p.Invalid(field, `%s is no duration; write it as in "90s", "15m" or "1h30m"`, dialect.Quote(got))
		return def
	}
	return d
}

// secondsOrDuration reads a number of seconds or a duration.
func secondsOrDuration(p *dialect.Problems, field string, raw []byte) time.Duration {
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
		p.Invalid(field, `%s is neither a number of seconds nor a duration such as "5m"`, dialect.Quote(string(raw)))
	}
	if d < 0 {
		p.Invalid(field, "%s is negative", d)
		return 0
	}
	return d
}

// maxInterval is the longest interval in seconds that we take, a hundred
// years: more overflows when it is added to a time.
const maxInterval = 100 * 365 * 24 * time.Hour
