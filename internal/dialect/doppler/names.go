package doppler

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

// name checks the name of an object.
func (r *reading) name(field, name string) {
	if name == "" {
		r.Invalid(field, "the name of the Secret is missing")
	} else if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		r.Invalid(field, "%s is no name that a Secret can have: %s", dialect.Quote(name), fault(faults[0]))
	}
}

// namespace checks the name of a namespace.
func (r *reading) namespace(field, name string) {
	if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
		r.Invalid(field, "%s is no name that a namespace can have: %s", dialect.Quote(name), fault(faults[0]))
	}
}

// fault is what Kubernetes finds wrong with a word, without the examples and
// the regular expression that follow.
func fault(text string) string {
	text, _, _ = strings.Cut(text, " (e.g.")
	return text
}
