package mirrors

import (
	"errors"
	"fmt"
	"regexp/syntax"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

const destinationField = "spec.destination"

// The words of deletePolicy.
const (
	policyDelete = "delete"
	policyRetain = "retain"
)

func (t *translation) destination() {
	spec := &t.sm.Spec
	t.OneOf(destinationField+".type", spec.Destination.Type, toNamespaces, toVault)
	t.OneOf("spec.deletePolicy", spec.DeletePolicy, policyDelete, policyRetain)
	d := &t.plan.Destination
	d.Deletion = delivery.Retain
	d.Owner = t.plan.Object
	d.Keep = spec.DeletePolicy == policyRetain
	// Copies that the object made before it was turned to Vault are known by
	// these too.
	d.Creation = delivery.Marked
	d.Marks = t.marks()
	d.FieldManager = fieldManager(t.sm.Namespace, t.sm.Name)
	d.Siblings = prefix
	if intoVault(t.sm) {
		d.Store, d.Key = t.vault(destinationField+".vault", spec.Destination.Vault)
		if to := &spec.Destination; len(to.Namespaces) > 0 || to.NamespaceRegex != "" || to.Namespace != "" {
			t.warn(destinationField+".namespaces", "has no effect: destination.type is vault")
		}
		return
	}
	if spec.Destination.Vault != nil {
		t.warn(destinationField+".vault", "has no effect: destination.type is not vault")
	}
	d.Name = sourceName(t.sm)
	d.Spread = &delivery.Spread{Into: []delivery.NamespaceRule{t.namespaces()}}
}

// maxPatterns and maxPattern bound what is matched against the name of every
// namespace.
const (
	maxPatterns = 256
	maxPattern  = 1024
)

// namespaces are the patterns of both versions together.
func (t *translation) namespaces() delivery.NamespaceRule {
	const field = destinationField + ".namespaces"
	to := &t.sm.Spec.Destination
	rule := delivery.NamespaceRule{Field: field}
	if n := len(to.Namespaces); n > maxPatterns {
		t.Invalid(field, "%d patterns are more than %d; join some with |", n, maxPatterns)
		return rule
	}
	for i, expr := range to.Namespaces {
		if t.pattern(fmt.Sprintf("%s[%d]", field, i), expr) {
			rule.Regexes = append(rule.Regexes, expr)
		}
	}
	if expr := to.NamespaceRegex; expr != "" && t.pattern(destinationField+".namespaceRegex", expr) {
		rule.Regexes = append(rule.Regexes, expr)
	}
	if to.Namespace != "" {
		rule.Names = []string{to.Namespace}
	}
	if len(to.Namespaces) == 0 && to.NamespaceRegex == "" && to.Namespace == "" {
		t.Invalid(field, "it is empty, so that nothing would be copied; list regular expressions for names of namespaces, such as ^team-a-")
	}
	return rule
}

// pattern checks a regular expression.
func (t *translation) pattern(field, expr string) bool {
	switch {
	case expr == "":
		t.Invalid(field, "it is empty, which matches every namespace; write .* if that is meant")
		return false
	case len(expr) > maxPattern:
		t.Invalid(field, "a pattern of %d bytes is longer than %d; split it", len(expr), maxPattern)
		return false
	}
	// What parses compiles; to compile it, each time a manifest is looked at,
	// would cost three times as much.
	if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
		why := "it cannot be read"
		var cause *syntax.Error
		if errors.As(err, &cause) {
			why = cause.Code.String()
		}
		t.Invalid(field, "%s is no regular expression of Go (RE2): %s", dialect.Quote(expr), why)
		return false
	}
	return true
}
