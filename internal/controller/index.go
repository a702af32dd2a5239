package controller

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// index is the one index of each kind: what an object depends on, as keys
// made by the functions below.
const index = "tacit.by"

func storeKey(ref delivery.StoreRef) string {
	return "store/" + ref.Kind + "/" + ref.Namespace + "/" + ref.Name
}

// anyNamespace stands for all namespaces in a key.
const anyNamespace = "*"

// spreadKey is that of all objects whose places depend on namespaces.
const spreadKey = "spread"

func targetKey(namespace, name string) string { return "target/" + namespace + "/" + name }

// awayKey is that of the objects with their one place in another namespace.
func awayKey(namespace string) string { return "away/" + namespace }

// useKey is for a Secret or ConfigMap that is read; namespace anyNamespace
// stands for any.
func useKey(kind, namespace, name string) string {
	return "use/" + kind + "/" + namespace + "/" + name
}

// planKeys lists what wakes a delivery.
func planKeys(plan *delivery.Delivery) []string {
	var keys []string
	for _, ref := range plan.Stores() {
		keys = append(keys, storeKey(ref))
	}
	switch dest := &plan.Destination; {
	case dest.Name == "":
	case dest.Spread != nil:
		keys = append(keys, targetKey(anyNamespace, dest.Name), spreadKey)
	default:
		keys = append(keys, targetKey(dest.Namespace, dest.Name))
		if dest.Namespace != plan.Object.Namespace {
			keys = append(keys, awayKey(dest.Namespace))
		}
	}
	for _, obj := range plan.Objects() {
		keys = append(keys, useKey(obj.Kind, obj.Namespace, obj.Name))
	}
	for i := range plan.Inline {
		keys = append(keys, storeKeys(&plan.Inline[i])...)
	}
	if opens(plan) {
		keys = append(keys, sealedKey)
	}
	if t := plan.Shape.Template; t != nil {
		for _, from := range t.From {
			if from.Object != nil {
				keys = append(keys, useKey(from.Object.Kind, plan.Object.Namespace, from.Object.Name))
			}
		}
	}
	return keys
}

// storeKeys lists what wakes a store.
func storeKeys(store *delivery.Store) []string {
	if store.Config == nil {
		return nil
	}
	var keys []string
	for _, c := range store.Config.Credentials() {
		// Of the reader's namespace, whichever that is, only where the
		// store has none of its own.
		ns := cmp.Or(c.Namespace, store.Ref.Namespace, anyNamespace)
		keys = append(keys, useKey(string(c.Kind), ns, c.Name))
	}
	return keys
}

// usesKeys are the keys under which a Secret or ConfigMap may be used.
func usesKeys(obj client.Object) []string {
	kind := obj.GetObjectKind().GroupVersionKind().Kind
	return []string{useKey(kind, obj.GetNamespace(), obj.GetName()), useKey(kind, anyNamespace, obj.GetName())}
}

// find lists the objects of a kind that are indexed under any of the keys.
func find(ctx context.Context, cache client.Reader, kind dialect.Kind, keys ...string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, key := range keys {
		names = append(names, list(ctx, cache, kind, client.MatchingFields{index: key})...)
	}
	return names
}

// list returns the names of the cached objects of a kind; none while the
// cache shuts down.
func list(ctx context.Context, cache client.Reader, kind dialect.Kind, opts ...client.ListOption) []types.NamespacedName {
	objs := kind.NewList()
	if err := cache.List(ctx, objs, opts...); err != nil {
		return nil
	}
	var names []types.NamespacedName
	_ = meta.EachListItem(objs, func(obj runtime.Object) error {
		names = append(names, client.ObjectKeyFromObject(obj.(client.Object)))
		return nil
	})
	return names
}
