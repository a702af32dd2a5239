// Package sealedsecrets is the language of bitnami.com/v1alpha1: SealedSecret.
//
// It makes of a manifest what Sealed Secrets makes of it and says so in the
// same condition and events, so that its manifests, keys and Secrets are taken
// over as they are. Where that gave up, forgot a Secret that it does not own,
// or left an old message standing, this one goes on, keeps it right, or says
// the present cause.
package sealedsecrets

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The original's annotations; those that count have the value "true".
const (
	annotations = "sealedsecrets.bitnami.com/"

	// On the SealedSecret: what its values were sealed for.
	clusterWide   = annotations + "cluster-wide"
	namespaceWide = annotations + "namespace-wide"
	// On a Secret that is there already.
	managed = annotations + "managed"
	patched = annotations + "patch"
	// On the template, and so on the Secret.
	unowned = annotations + "skip-set-owner-references"

	yes = "true"
)

// Options are what the operator's configuration says. The zero value allows
// the least.
type Options struct {
	// PrivilegedNamespaces are those whose SealedSecrets may make Secrets of the
	// types that the cluster itself acts on; Everywhere stands for all.
	PrivilegedNamespaces []string
}

// Everywhere stands for all namespaces.
const Everywhere = "*"

// SealedSecrets returns the kind SealedSecret without options: what a manifest
// says does not depend on them.
func SealedSecrets() dialect.Deliveries { return With(Options{}) }

// With returns the kind SealedSecret under these options.
func With(o Options) dialect.Deliveries { return sealedSecrets{o} }

type sealedSecrets struct{ opts Options }

func kind() schema.GroupVersionKind {
	return v1alpha1.GroupVersion().WithKind(v1alpha1.SealedSecretKind)
}

// Kind implements dialect.Deliveries.
func (sealedSecrets) Kind() dialect.Kind {
	return dialect.Kind{
		GVK:        kind(),
		Namespaced: true,
		New:        func() client.Object { return &v1alpha1.SealedSecret{} },
		NewList:    func() client.ObjectList { return &v1alpha1.SealedSecretList{} },
		Kept:       []string{managed, patched, unowned},
	}
}

// Translate implements dialect.Deliveries.
func (s sealedSecrets) Translate(obj client.Object) (delivery.Delivery, error) {
	ss, ok := obj.(*v1alpha1.SealedSecret)
	if !ok {
		return delivery.Delivery{}, dialect.WrongKind(v1alpha1.SealedSecretKind, obj)
	}
	var p dialect.Problems
	if ss.Spec.Data != nil {
		p.Unsupported("spec.data", "the deprecated form, a whole Secret in one value, is not opened; seal each value by itself, under spec.encryptedData")
	}
	owner := dialect.Object(kind(), ss)
	dest := destination(ss, owner)
	dest.Privileged = slices.Contains(s.opts.PrivilegedNamespaces, ss.Namespace) || slices.Contains(s.opts.PrivilegedNamespaces, Everywhere)
	return delivery.Delivery{
		Object: owner,
		Sources: []delivery.Source{{
			Field: entriesField, Take: delivery.TakeSealed,
			Sealed: delivery.Sealed{Entries: ss.Spec.EncryptedData, Scope: scope(ss), Namespace: ss.Namespace, Name: ss.Name,
				Key: ss.Status.SealedFor, Made: ss.CreationTimestamp.Time},
		}},
		Shape:       shape(&ss.Spec.Template),
		Destination: dest,
		Schedule:    schedule(ss),
		Warnings:    warnings(ss),
	}, p.Err()
}

const entriesField = "spec.encryptedData"

// scope is what the values were sealed for. Only the object's own metadata
// count: those of the template are part of what is sealed for.
func scope(ss *v1alpha1.SealedSecret) delivery.SealScope {
	switch {
	case ss.Annotations[clusterWide] == yes:
		return delivery.SealCluster
	case ss.Annotations[namespaceWide] == yes:
		return delivery.SealNamespace
	}
	return delivery.SealStrict
}

// shape renders templates as the original does: over the values, and leaving a
// value that is not there to the template.
func shape(t *v1alpha1.SecretTemplate) delivery.Shape {
	if len(t.Data) == 0 {
		return delivery.Shape{}
	}
	return delivery.Shape{Template: &delivery.Template{Field: "spec.template", Merge: true, Lax: true, Data: t.Data}}
}
