// Package doppler is the language of secrets.doppler.com/v1alpha1:
// DopplerSecret.
//
// It says what the Doppler Secrets Operator says, in the same conditions,
// labels and annotations, so that what that made counts as ours after a move.
// Where it took over, let drift or stayed silent, this one refuses, repairs
// or says why.
package doppler

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Options of the language. The zero Options are the original's ways.
type Options struct {
	// HomeNamespaces are the operator's own: objects in them may take their
	// token from any namespace and write their Secret to any. Nil is
	// doppler-operator-system.
	HomeNamespaces []string
	// Account logs in to Doppler as the identities that objects name, whatever
	// their namespace: its token says which object or Secret it is for. Zero
	// is doppler-operator-controller-manager in the first home namespace, or
	// in doppler-operator-system if there is none.
	Account types.NamespacedName
}

const (
	defaultHome    = "doppler-operator-system"
	defaultAccount = "doppler-operator-controller-manager"
)

// finalizer keeps an object until the Secret that it made is gone too.
const finalizer = "tacit.dev/dopplersecret"

// DopplerSecrets returns the kind DopplerSecret. It implements dialect.Marked
// too.
func DopplerSecrets(opts Options) dialect.Deliveries {
	if opts.HomeNamespaces == nil {
		opts.HomeNamespaces = []string{defaultHome}
	}
	first := defaultHome
	if len(opts.HomeNamespaces) > 0 {
		first = opts.HomeNamespaces[0]
	}
	opts.Account.Namespace = cmp.Or(opts.Account.Namespace, first)
	opts.Account.Name = cmp.Or(opts.Account.Name, defaultAccount)
	return dopplerSecrets{opts}
}

type dopplerSecrets struct{ opts Options }

func kind() schema.GroupVersionKind {
	return dopplerv1alpha1.GroupVersion().WithKind(dopplerv1alpha1.DopplerSecretKind)
}

// Kind implements dialect.Deliveries.
func (dopplerSecrets) Kind() dialect.Kind {
	return dialect.Kind{
		GVK:        kind(),
		Namespaced: true,
		New:        func() client.Object { return &dopplerv1alpha1.DopplerSecret{} },
		NewList:    func() client.ObjectList { return &dopplerv1alpha1.DopplerSecretList{} },
		Kept:       []string{markPrefix, delivery.Adopt},
	}
}

// Translate implements dialect.Deliveries.
func (d dopplerSecrets) Translate(obj client.Object) (delivery.Delivery, error) {
	ds, ok := obj.(*dopplerv1alpha1.DopplerSecret)
	if !ok {
		return delivery.Delivery{}, dialect.WrongKind(dopplerv1alpha1.DopplerSecretKind, obj)
	}
	r := d.reading(ds)
	plan := delivery.Delivery{
		Object:    dialect.Object(kind(), ds),
		Schedule:  r.schedule(),
		Finalizer: finalizer,
	}
	store := r.store()
	plan.Inline = []delivery.Store{store}
	plan.Sources = []delivery.Source{r.source(store.Ref)}
	plan.Shape = r.shape()
	plan.Destination = r.destination(plan.Object)
	plan.Warnings = r.warnings
	return plan, r.Err()
}

// reading is one manifest being read.
type reading struct {
	dialect.Problems
	*dopplerv1alpha1.DopplerSecret
	opts Options
	// home: the object may reach beyond its own namespace.
	home     bool
	warnings []string
}

func (d dopplerSecrets) reading(ds *dopplerv1alpha1.DopplerSecret) *reading {
	return &reading{DopplerSecret: ds, opts: d.opts, home: slices.Contains(d.opts.HomeNamespaces, ds.Namespace)}
}
