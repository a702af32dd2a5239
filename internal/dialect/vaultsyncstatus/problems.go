package vaultsyncstatus

import (
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
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

// invalid notes that a field makes no sense.
func (p *problems) invalid(field, format string, args ...any) {
	p.note(delivery.Invalid, field, format, args...)
}

func (p *problems) note(kind delivery.ErrorKind, field, format string, args ...any) {
	if p.first == nil {
		p.first = &delivery.Error{Kind: kind, Message: field + ": " + fmt.Sprintf(format, args...)}
	}
}

func wrongKind(obj client.Object) error {
	return &delivery.Error{Kind: delivery.Invalid, Message: fmt.Sprintf("kind: want %s, got a %T", vssv1.VaultSyncStatusKind, obj)}
}

// maxQuote bounds what is quoted of a manifest: it is a hint, not a copy.
const maxQuote = 80

func quote(s string) string { return strconv.Quote(cut(s, maxQuote)) }

// cut shortens s to at most n bytes, without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	return strings.ToValidUTF8(s[:n-len(dots)], "") + dots
}
