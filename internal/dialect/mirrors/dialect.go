// Package mirrors is the language of mirrors.kts.studio: SecretMirror, which
// copies a Secret or a secret in Vault to namespaces or to Vault.
//
// It says what the original says, in the same fields, reasons and messages,
// and adds why: the condition Ready, and the generation that the status is
// about. v1alpha1 needs no part of its own: an object of that version reads as
// v1alpha2 with two fields that only v1alpha1 had.
//
// Some of the original's ways are not kept. Values from Vault are taken as
// they are, not decoded where they happen to be base64. Secrets of the types
// kubernetes.io/service-account-token and bootstrap.kubernetes.io/token are
// never copied: each is a way in, and the engine refuses them. And credentials
// come from the object's own namespace, see Options.
package mirrors

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Options of the language. With the zero Options a SecretMirror logs in to
// Vault with Secrets of its own namespace alone.
type Options struct {
	// CredentialNamespaces are namespaces whose Secrets every SecretMirror may
	// name in a secretRef. As the address in a SecretMirror is free, whoever
	// may create one can send these Secrets anywhere.
	CredentialNamespaces []string
}

// SecretMirrors returns the kind SecretMirror. It implements dialect.Marked and
// dialect.Lender too.
func SecretMirrors(opts Options) dialect.Deliveries {
	opts.CredentialNamespaces = slices.Clone(opts.CredentialNamespaces)
	return secretMirrors{opts}
}

var (
	_ dialect.Marked = secretMirrors{}
	_ dialect.Lender = secretMirrors{}
)

type secretMirrors struct{ opts Options }

// Kind implements dialect.Deliveries.
func (secretMirrors) Kind() dialect.Kind {
	return dialect.Kind{
		GVK:        v1alpha2.GroupVersion().WithKind(v1alpha2.SecretMirrorKind),
		Namespaced: true,
		New:        func() client.Object { return &v1alpha2.SecretMirror{} },
		NewList:    func() client.ObjectList { return &v1alpha2.SecretMirrorList{} },
		Kept:       []string{prefix},
	}
}

// Translate implements dialect.Deliveries.
func (d secretMirrors) Translate(obj client.Object) (delivery.Delivery, error) {
	sm, ok := obj.(*v1alpha2.SecretMirror)
	if !ok {
		return delivery.Delivery{}, dialect.WrongKind(v1alpha2.SecretMirrorKind, obj)
	}
	t := translation{
		sm:      sm,
		allowed: d.opts.CredentialNamespaces,
		plan: delivery.Delivery{
			Object: dialect.Object(d.Kind().GVK, sm),
			// Always, as the original: what the object asked for before it was
			// changed is taken back too, and what the original left on its
			// objects needs no word of its own. Where the copies stay, taking
			// back does nothing.
			Finalizer: prefix + "finalizer",
		},
	}
	t.source()
	t.destination()
	t.schedule()
	return t.plan, t.Err()
}

// OwnerOf implements dialect.Marked.
func (secretMirrors) OwnerOf(meta *metav1.ObjectMeta) (owner types.NamespacedName, ok bool) {
	return ownerIn(meta.Annotations[ownedBy])
}

// translation is one object on its way to a plan.
type translation struct {
	dialect.Problems
	sm      *v1alpha2.SecretMirror
	allowed []string // namespaces, beside the object's own, of credentials
	plan    delivery.Delivery
}

func (t *translation) warn(field, text string) {
	t.plan.Warnings = append(t.plan.Warnings, field+" "+text)
}

// The words of source.type and destination.type.
const (
	ofSecret     = "secret"
	ofVault      = "vault"
	toNamespaces = "namespaces"
	toVault      = "vault"
)

// fromVault and intoVault read a type as the schema's defaults mean it.
func fromVault(sm *v1alpha2.SecretMirror) bool { return sm.Spec.Source.Type == ofVault }
func intoVault(sm *v1alpha2.SecretMirror) bool { return sm.Spec.Destination.Type == toVault }

// sourceName is the name of the Secret that is copied, and of its copies.
func sourceName(sm *v1alpha2.SecretMirror) string {
	if sm.Spec.Source.Name != "" {
		return sm.Spec.Source.Name
	}
	return sm.Name
}
