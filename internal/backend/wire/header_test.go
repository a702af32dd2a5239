package wire_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"":                                 0,
		"0":                                0,
		"7":                                7 * time.Second,
		" 7 ":                              7 * time.Second,
		"007":                              7 * time.Second,
		"-7":                               0,
		"1.5":                              0,
		"86401":                            24 * time.Hour,
		"99999999999999999999":             24 * time.Hour,
		"Sat, 01 Aug 2026 12:00:30 GMT":    30 * time.Second,
		"Sat, 01 Aug 2026 11:00:00 GMT":    0,
		"Sun, 01 Aug 2094 11:00:00 GMT":    24 * time.Hour,
		"Saturday, 01-Aug-26 12:00:30 GMT": 30 * time.Second,
		"soon":                             0,
	} {
		if got := wire.RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Sat, 01 Aug 2026 12:00:30 GMT")
	f.Add("18446744073709551617")
	f.Fuzz(func(t *testing.T, text string) {
		if got := wire.RetryAfter(http.Header{"Retry-After": {text}}, now); got < 0 || got > 24*time.Hour {
			t.Errorf("%q: %v", text, got)
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		secrets []string
		want    string
	}{
		{"permission denied", nil, "permission denied"},
		{"1 error:\n\t* denied\r\n\n", nil, "1 error: * denied"},
		{"a\x00b\x1b[31mc", nil, "a b [31mc"},
		{"bad\xff\xfeutf", nil, "bad\uFFFDutf"},
		{"token hvs.abc is bad", []string{"hvs.abc"}, "token [redacted] is bad"},
		{"abcdef", []string{"abc", "abcdef"}, "[redacted]"},
		{`role "a\"b\n"`, []string{"a\"b\n"}, `role "[redacted]"`},
		{"plain", []string{""}, "plain"},
		{strings.Repeat("ä", 31), nil, strings.Repeat("ä", 29) + "…"},
		{strings.Repeat("x", 25) + "secret", []string{"secret"}, strings.Repeat("x", 25) + "[red…"},
	} {
		if got := wire.Words(c.text, 30, c.secrets...); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// FuzzWords checks that nothing gets through that a terminal or a log could
// not bear, and no secret. Secrets that the mask itself contains are out.
func FuzzWords(f *testing.F) {
	f.Add("the token hvs.1 is bad", "hvs.1")
	f.Add("a\xffb\nc", "b")
	f.Add("\xd1", "\xbf")
	f.Add("token number\x001", "token number 1")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := wire.Words(text, 50, secret)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 50 || strings.ContainsAny(got, "\n\r\t\x00\x1b") {
			t.Errorf("Words(%q) = %q", text, got)
		}
		if len(secret) > len("[redacted]") && strings.Contains(got, secret) {
			t.Errorf("Words(%q, %q) = %q", text, secret, got)
		}
	})
}
