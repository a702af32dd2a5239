package mirrors

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// source says what is read: a Secret of the object's own namespace, whatever
// else the object could reach, or a path in Vault.
func (t *translation) source() {
	const field = "spec.source"
	src := &t.sm.Spec.Source
	t.OneOf(field+".type", src.Type, ofSecret, ofVault)
	if !fromVault(t.sm) || !intoVault(t.sm) {
		t.checkName(field + ".name")
	}
	if fromVault(t.sm) {
		store, path := t.vault(field+".vault", src.Vault)
		keys := delivery.ConvertDefault
		if intoVault(t.sm) {
			keys = delivery.ConvertNone // a store takes any
		}
		t.plan.Sources = []delivery.Source{{
			Field:   field + ".vault",
			Store:   store,
			Take:    delivery.TakeMap,
			Remote:  delivery.Remote{Key: path},
			Decode:  delivery.DecodeNone,
			Convert: keys,
		}}
		t.plan.Leases = &delivery.Leases{Held: t.held()}
		return
	}
	if src.Vault != nil {
		t.warn(field+".vault", "has no effect: source.type is not vault")
	}
	t.plan.Sources = []delivery.Source{{
		Field:  field + ".name",
		Object: delivery.ObjectRef{Kind: "Secret", Namespace: t.sm.Namespace, Name: sourceName(t.sm)},
		Take:   delivery.TakeObject,
	}}
	t.plan.Shape.Carry = delivery.Carry{Labels: true, Annotations: true, Without: dialect.StaysBehind()}
}

// checkName refuses what no Secret can be called.
func (t *translation) checkName(field string) {
	name := t.sm.Spec.Source.Name
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		t.Invalid(field, "%s is no name of a Secret; it has up to 253 small letters, digits, '-' and '.', "+
			"and begins and ends with a letter or digit", dialect.Quote(name))
	}
}
