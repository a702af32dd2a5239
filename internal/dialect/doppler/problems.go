package doppler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
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

// invalid notes that a field contradicts itself or makes no sense. The text
// says the way out.
func (p *problems) invalid(field, format string, args ...any) {
	if p.first == nil {
		p.first = &delivery.Error{Kind: delivery.Invalid, Message: field + ": " + fmt.Sprintf(format, args...)}
	}
}

func wrongKind(obj client.Object) error {
	return &delivery.Error{Kind: delivery.Invalid, Message: fmt.Sprintf("kind: want %s, got a %T", dopplerv1alpha1.DopplerSecretKind, obj)}
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

// oneOf returns a word that is one of a few; empty is none of them and fine.
func (p *problems) oneOf(field, got string, words ...string) string {
	if got != "" && !slices.Contains(words, got) {
		p.invalid(field, "%s is none of %s", quote(got), strings.Join(words, ", "))
		return ""
	}
	return got
}

// name checks the name of an object.
func (p *problems) name(field, name string) {
	if name == "" {
		p.invalid(field, "the name of the Secret is missing")
	} else if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		p.invalid(field, "%s is no name that a Secret can have: %s", quote(name), fault(faults[0]))
	}
}

// namespace checks the name of a namespace.
func (p *problems) namespace(field, name string) {
	if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
		p.invalid(field, "%s is no name that a namespace can have: %s", quote(name), fault(faults[0]))
	}
}

// fault is what Kubernetes finds wrong with a word, without the examples and
// the regular expression that follow.
func fault(text string) string {
	text, _, _ = strings.Cut(text, " (e.g.")
	return text
}
