package controller

import (
	"context"
	"fmt"
	"sync"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Secrets watches the metadata of Secrets, never their data. Most Secrets of
// a cluster are not ours, and of each of those it keeps a name and a version:
// a shared informer would keep five times as much. Make it with NewSecrets.
type Secrets struct {
	client     metadata.Interface
	namespaces []string

	mu       sync.RWMutex
	by       map[types.NamespacedName]secretEntry
	watchers []func(client.Object)
	unsynced int
	synced   chan struct{}
}

// secretEntry is what is kept of a Secret.
type secretEntry struct {
	version string
	// more is there only if somebody controls the Secret or it cannot simply
	// go: what a write of ours has to know.
	more *metav1.ObjectMeta
}

// NewSecrets returns a watch of the namespaces, of all if there are none,
// that begins with Start.
func NewSecrets(c metadata.Interface, namespaces []string) *Secrets {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	return &Secrets{
		client: c, namespaces: namespaces, by: map[types.NamespacedName]secretEntry{},
		unsynced: len(namespaces), synced: make(chan struct{}),
	}
}

// Start watches until ctx ends.
func (s *Secrets) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("secrets")
	var wg sync.WaitGroup
	for _, ns := range s.namespaces {
		r := cache.NewReflectorWithOptions(s.listWatch(ns), PartialSecret(), &secretStore{Secrets: s, namespace: ns},
			cache.ReflectorOptions{Name: "secrets", Logger: &logger})
		wg.Go(func() { r.RunWithContext(ctx) })
	}
	wg.Wait()
	return nil
}

func (s *Secrets) listWatch(namespace string) cache.ListerWatcher {
	secrets := s.client.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace(namespace)
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return secrets.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return secrets.Watch(ctx, o)
		},
	}, s.client)
}

// Get returns what is known of a Secret, nil if it is not there.
func (s *Secrets) Get(namespace, name string) *metav1.PartialObjectMetadata {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	s.mu.RLock()
	entry, ok := s.by[key]
	s.mu.RUnlock()
	if !ok {
		return nil
	}
	return entry.object(key)
}

func (e secretEntry) object(key types.NamespacedName) *metav1.PartialObjectMetadata {
	obj := PartialSecret()
	if e.more != nil {
		e.more.DeepCopyInto(&obj.ObjectMeta)
	}
	obj.Namespace, obj.Name, obj.ResourceVersion = key.Namespace, key.Name, e.version
	return obj
}

// watch calls changed for every change from now on, with the Secret as it is
// now or was last.
func (s *Secrets) watch(changed func(client.Object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, changed)
}

// tell passes a change on to all who watch.
func (s *Secrets) tell(key types.NamespacedName, e secretEntry) {
	s.mu.RLock()
	watchers := s.watchers
	s.mu.RUnlock()
	for _, w := range watchers {
		w(e.object(key))
	}
}

// keep is what stays of a Secret's metadata.
func keep(m *metav1.ObjectMeta) secretEntry {
	e := secretEntry{version: m.ResourceVersion}
	owner := metav1.GetControllerOfNoCopy(m)
	if owner == nil && len(m.Finalizers) == 0 && m.DeletionTimestamp == nil {
		return e
	}
	e.more = &metav1.ObjectMeta{Finalizers: m.Finalizers, DeletionTimestamp: m.DeletionTimestamp}
	if owner != nil {
		ref := *owner
		ref.APIVersion, ref.Kind = shared(ref.APIVersion), shared(ref.Kind)
		e.more.OwnerReferences = []metav1.OwnerReference{ref}
	}
	return e
}

// shared returns the one copy of a string that many objects have.
func shared(s string) string { return unique.Make(s).Value() }

// secretStore takes what one reflector brings. It implements
// cache.ReflectorStore and cache.TransformingStore.
type secretStore struct {
	*Secrets
	namespace string // that it brings; empty is all
	listed    bool
}

// Transformer trims objects before the reflector collects them for Replace.
func (s *secretStore) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		m, ok := obj.(*metav1.PartialObjectMetadata)
		if !ok {
			return obj, nil
		}
		e := keep(&m.ObjectMeta)
		return e.object(types.NamespacedName{Namespace: shared(m.Namespace), Name: m.Name}), nil
	}
}

// Add implements cache.ReflectorStore.
func (s *secretStore) Add(obj any) error { return s.put(obj) }

// Update implements cache.ReflectorStore.
func (s *secretStore) Update(obj any) error { return s.put(obj) }

// Resync implements cache.ReflectorStore; there is nothing to do.
func (s *secretStore) Resync() error { return nil }

func (s *secretStore) put(obj any) error {
	m, err := metadataOf(obj)
	if err != nil {
		return err
	}
	key := types.NamespacedName{Namespace: shared(m.Namespace), Name: m.Name}
	e := keep(&m.ObjectMeta)
	s.mu.Lock()
	s.by[key] = e
	s.mu.Unlock()
	s.tell(key, e)
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *secretStore) Delete(obj any) error {
	m, err := metadataOf(obj)
	if err != nil {
		return err
	}
	key := types.NamespacedName{Namespace: m.Namespace, Name: m.Name}
	s.mu.Lock()
	delete(s.by, key)
	s.mu.Unlock()
	s.tell(key, keep(&m.ObjectMeta))
	return nil
}

// Replace takes a new list, after the start or after a gap in the watch, and
// tells what changed in the gap.
func (s *secretStore) Replace(list []any, _ string) error {
	fresh := make(map[types.NamespacedName]secretEntry, len(list))
	for _, obj := range list {
		m, err := metadataOf(obj)
		if err != nil {
			return err
		}
		fresh[types.NamespacedName{Namespace: shared(m.Namespace), Name: m.Name}] = keep(&m.ObjectMeta)
	}
	changed := map[types.NamespacedName]secretEntry{}
	s.mu.Lock()
	for key, old := range s.by {
		if _, ok := fresh[key]; !ok && (s.namespace == "" || s.namespace == key.Namespace) {
			delete(s.by, key)
			changed[key] = old
		}
	}
	for key, e := range fresh {
		if s.listed && s.by[key].version != e.version {
			changed[key] = e
		}
		s.by[key] = e
	}
	if !s.listed {
		s.listed = true
		if s.unsynced--; s.unsynced == 0 {
			close(s.synced)
		}
	}
	s.mu.Unlock()
	for key, e := range changed {
		s.tell(key, e)
	}
	return nil
}

func metadataOf(obj any) (*metav1.PartialObjectMetadata, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, fmt.Errorf("watch of Secrets: got a %T", obj)
	}
	return m, nil
}

// secretSource feeds a controller's queue from the watch of Secrets. It
// implements source.SyncingSource.
type secretSource struct {
	secrets *Secrets
	wake    wakeFunc
}

// Start implements source.Source.
func (s secretSource) Start(ctx context.Context, q queue) error {
	s.secrets.watch(func(obj client.Object) { s.wake(ctx, obj, q) })
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s secretSource) WaitForSync(ctx context.Context) error {
	select {
	case <-s.secrets.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
