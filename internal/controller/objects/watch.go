// Package objects watches the metadata of Secrets and ConfigMaps, never their
// data. Most of a cluster's are not ours, and of each of those it keeps a name
// and a version: a shared informer would keep five times as much.
package objects

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// The kinds that can be watched.
const (
	Secret    = "Secret"
	ConfigMap = "ConfigMap"
)

// Watch is the watch of one kind. Make it with New.
type Watch struct {
	client     metadata.Interface
	kind       string
	namespaces []string
	kept       keptKeys

	mu       sync.RWMutex
	by       map[types.NamespacedName]entry
	upTo     map[string]string // the version that each of namespaces is known up to
	indexers map[string]Indexer
	index    map[string]map[types.NamespacedName]bool
	watchers []func(client.Object)
	unsynced int
	synced   chan struct{}
}

// Indexer returns the keys under which an object is to be found. It sees the
// kept metadata alone, and only of objects that have some.
type Indexer func(obj *metav1.PartialObjectMetadata) []string

// Options configure a Watch.
type Options struct {
	Client metadata.Interface
	// Kind is Secret or ConfigMap.
	Kind string
	// Namespaces that are watched; all if there are none.
	Namespaces []string
	// Kept are the label and annotation keys that stay; one that ends in "/"
	// stands for all with that prefix.
	Kept []string
}

// New returns a watch that begins with Start.
func New(o Options) *Watch {
	if len(o.Namespaces) == 0 {
		o.Namespaces = []string{metav1.NamespaceAll}
	}
	return &Watch{
		client: o.Client, kind: o.Kind, namespaces: o.Namespaces, kept: newKeptKeys(o.Kept),
		by: map[types.NamespacedName]entry{}, upTo: map[string]string{}, indexers: map[string]Indexer{},
		index: map[string]map[types.NamespacedName]bool{}, unsynced: len(o.Namespaces), synced: make(chan struct{}),
	}
}

// Partial is the empty object under which a core kind is watched: its
// metadata alone.
func Partial(kind string) *metav1.PartialObjectMetadata {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return obj
}

// Resource is what the API calls a kind.
func Resource(kind string) schema.GroupResource {
	return schema.GroupResource{Resource: strings.ToLower(kind) + "s"}
}

// Kind is what is watched.
func (w *Watch) Kind() string { return w.kind }

// Start watches until ctx ends.
func (w *Watch) Start(ctx context.Context) error {
	resource := Resource(w.kind).Resource
	logger := log.FromContext(ctx).WithName(resource)
	var wg sync.WaitGroup
	for _, ns := range w.namespaces {
		r := cache.NewReflectorWithOptions(w.listWatch(resource, ns), Partial(w.kind), &store{Watch: w, namespace: ns},
			cache.ReflectorOptions{Name: resource, Logger: &logger})
		wg.Go(func() { r.RunWithContext(ctx) })
	}
	wg.Wait()
	return nil
}

func (w *Watch) listWatch(resource, namespace string) cache.ListerWatcher {
	objs := w.client.Resource(corev1.SchemeGroupVersion.WithResource(resource)).Namespace(namespace)
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return objs.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return objs.Watch(ctx, o)
		},
	}, w.client)
}

// Synced is closed once the first lists are in.
func (w *Watch) Synced() <-chan struct{} { return w.synced }

// Sees reports that objects of the namespace are watched.
func (w *Watch) Sees(namespace string) bool {
	return w.namespaces[0] == metav1.NamespaceAll || slices.Contains(w.namespaces, namespace)
}

// Behind reports that the watch may not have brought yet what happened in the
// namespace by that version: what it does not know may be there.
func (w *Watch) Behind(namespace, version string) bool {
	if w.namespaces[0] == metav1.NamespaceAll {
		namespace = metav1.NamespaceAll
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	order, err := resourceversion.CompareResourceVersion(w.upTo[namespace], version)
	return err == nil && order < 0
}

// Get returns what is known of an object, nil if it is not there.
func (w *Watch) Get(namespace, name string) *metav1.PartialObjectMetadata {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	w.mu.RLock()
	e, ok := w.by[key]
	w.mu.RUnlock()
	if !ok {
		return nil
	}
	return e.object(w.kind, key)
}

// In lists the names of the objects of a namespace, in no order.
func (w *Watch) In(namespace string) []string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var names []string
	for key := range w.by {
		if key.Namespace == namespace {
			names = append(names, key.Name)
		}
	}
	return names
}

// Find lists the objects under any of the keys, in no order.
func (w *Watch) Find(keys ...string) []types.NamespacedName {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var names []types.NamespacedName
	for _, key := range keys {
		names = slices.AppendSeq(names, maps.Keys(w.index[key]))
	}
	return names
}

// Index files the objects under the keys of a further indexer, those that are
// known already too. A name that was used before replaces that indexer.
func (w *Watch) Index(name string, keys Indexer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.indexers[name] = keys
	clear(w.index)
	for key, e := range w.by {
		w.file(key, e)
	}
}

// file adds an entry to the index. w.mu is held.
func (w *Watch) file(key types.NamespacedName, e entry) {
	for _, k := range w.keysOf(key, e) {
		if w.index[k] == nil {
			w.index[k] = map[types.NamespacedName]bool{}
		}
		w.index[k][key] = true
	}
}

// unfile takes it out again. w.mu is held.
func (w *Watch) unfile(key types.NamespacedName, e entry) {
	for _, k := range w.keysOf(key, e) {
		if delete(w.index[k], key); len(w.index[k]) == 0 {
			delete(w.index, k)
		}
	}
}

func (w *Watch) keysOf(key types.NamespacedName, e entry) []string {
	if e.more == nil || len(e.more.Labels)+len(e.more.Annotations) == 0 {
		return nil
	}
	obj := e.object(w.kind, key)
	var keys []string
	for _, indexer := range w.indexers {
		keys = append(keys, indexer(obj)...)
	}
	return keys
}

// OnChange calls changed for every change from now on, with the object as it
// is now or was last.
func (w *Watch) OnChange(changed func(client.Object)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watchers = append(w.watchers, changed)
}

// tell passes a change on to all who watch.
func (w *Watch) tell(key types.NamespacedName, e entry) {
	w.mu.RLock()
	watchers := w.watchers
	w.mu.RUnlock()
	for _, told := range watchers {
		told(e.object(w.kind, key))
	}
}
