package codec

import (
	"fmt"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// maxKey is the longest key of a Secret.
const maxKey = 253

// KeyFault says what keeps key from being a key of a Secret, in words that
// follow its name; empty if nothing does.
func KeyFault(key string) string {
	switch {
	case key == "":
		return "is empty"
	case len(key) > maxKey:
		return fmt.Sprintf("has %d characters, and a Secret's key at most %d", len(key), maxKey)
	case key == ".":
		return "must not be \".\": rename it"
	case strings.HasPrefix(key, ".."):
		return "must not begin with \"..\": rename it"
	}
	for _, r := range key {
		if !allowed(r) {
			return "has characters that a Secret's key must not have; letters, digits, '-', '.' and '_' are allowed"
		}
	}
	return ""
}

func allowed(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '-' || r == '.' || r == '_'
}

// Convert replaces the characters that a Secret's key must not have. The
// original leaves letters and digits of other scripts as they are, which the
// API server then refuses; here they are replaced too.
func Convert(how delivery.Conversion, key string) string {
	if KeyFault(key) == "" {
		return key
	}
	var b strings.Builder
	for _, r := range key {
		switch {
		case allowed(r):
			b.WriteRune(r)
		case how == delivery.ConvertUnicode:
			fmt.Fprintf(&b, "_U%04x_", r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
