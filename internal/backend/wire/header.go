package wire

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxRetryAfter bounds what a store may ask for, so that no answer can stop
// us for good.
const maxRetryAfter = 24 * time.Hour

// RetryAfter is how long the Retry-After header asks to wait, in seconds or
// as a date; 0 if it does not, or not in a way that can be read.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// hidden stands for what must not be shown.
const hidden = "[redacted]"

// Words makes a store's own words fit to show: one line, at most limit
// characters, and without any of the secrets. They are masked before the
// text is cut, so that no half of one is left over.
func Words(s string, limit int, secrets ...string) string {
	s = mask(s, secrets)
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	// What was put in order may have become one. Masking bytes may break a
	// character in two.
	s = strings.ToValidUTF8(mask(s, secrets), "\uFFFD")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

func mask(s string, secrets []string) string {
	// Longest first: one secret may begin with another.
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		s = strings.ReplaceAll(s, secret, hidden)
		quoted := strconv.Quote(secret)
		s = strings.ReplaceAll(s, quoted[1:len(quoted)-1], hidden)
	}
	return s
}
