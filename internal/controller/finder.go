package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// finder is where the objects of a kind are found.
type finder interface {
	// get returns an object, which is not to be changed.
	get(ctx context.Context, name types.NamespacedName) (client.Object, error)
	// find lists the objects that are indexed under any of the keys.
	find(ctx context.Context, keys ...string) []types.NamespacedName
	// in lists the objects of a namespace.
	in(ctx context.Context, namespace string) []types.NamespacedName
}

// cached are the objects of a kind of its own. It implements finder.
type cached struct {
	reader client.Reader
	kind   dialect.Kind
}

func (c cached) get(ctx context.Context, name types.NamespacedName) (client.Object, error) {
	obj := c.kind.New()
	return obj, c.reader.Get(ctx, name, obj)
}

func (c cached) find(ctx context.Context, keys ...string) []types.NamespacedName {
	return find(ctx, c.reader, c.kind, keys...)
}

func (c cached) in(ctx context.Context, namespace string) []types.NamespacedName {
	return list(ctx, c.reader, c.kind, client.InNamespace(namespace))
}

// annotated are the Secrets or ConfigMaps that a language looks at. It
// implements finder.
type annotated struct {
	watch *objects.Watch
	name  string // of the language's kind
}

// key makes an index key of this language's own.
func (a annotated) key(key string) string { return a.name + "|" + key }

// every is the key that all of the language's objects have.
const every = "all"

func (a annotated) get(_ context.Context, name types.NamespacedName) (client.Object, error) {
	obj := a.watch.Get(name.Namespace, name.Name)
	if obj == nil {
		return nil, apierrors.NewNotFound(objects.Resource(a.watch.Kind()), name.Name)
	}
	return obj, nil
}

func (a annotated) find(_ context.Context, keys ...string) []types.NamespacedName {
	own := make([]string, len(keys))
	for i, key := range keys {
		own[i] = a.key(key)
	}
	return a.watch.Find(own...)
}

func (a annotated) in(_ context.Context, namespace string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, name := range a.watch.Find(a.key(every)) {
		if name.Namespace == namespace {
			names = append(names, name)
		}
	}
	return names
}

// index files the language's objects under what wakes them.
func (a annotated) index(d dialect.Deliveries) {
	a.watch.Index(a.name, func(obj *metav1.PartialObjectMetadata) []string {
		plan, err := d.Translate(obj)
		if err == nil && plan.Destination.Name == "" {
			return nil
		}
		keys := []string{a.key(every), a.key(ownKey(types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}))}
		for _, key := range planKeys(&plan) {
			keys = append(keys, a.key(key))
		}
		return keys
	})
}

func ownersKey(name string) string { return "owners/" + name }

// ownKey finds one annotated object, if it asks for anything.
func ownKey(name types.NamespacedName) string { return "self/" + name.String() }
