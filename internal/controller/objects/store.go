package objects

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// store takes what one reflector brings. It implements cache.ReflectorStore
// and cache.TransformingStore.
type store struct {
	*Watch
	namespace string // that it brings; empty is all
	listed    bool
}

// Transformer trims objects before the reflector collects them for Replace.
func (s *store) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		m, ok := obj.(*metav1.PartialObjectMetadata)
		if !ok {
			return obj, nil
		}
		return s.keep(&m.ObjectMeta).object(s.kind, nameOf(m)), nil
	}
}

// Add implements cache.ReflectorStore.
func (s *store) Add(obj any) error { return s.put(obj) }

// Update implements cache.ReflectorStore.
func (s *store) Update(obj any) error { return s.put(obj) }

// Resync implements cache.ReflectorStore; there is nothing to do.
func (s *store) Resync() error { return nil }

func (s *store) put(obj any) error {
	m, err := s.metadata(obj)
	if err != nil {
		return err
	}
	key, e := nameOf(m), s.keep(&m.ObjectMeta)
	s.mu.Lock()
	s.set(key, e)
	s.mu.Unlock()
	s.tell(key, e)
	return nil
}

// set replaces an entry. s.mu is held.
func (s *store) set(key types.NamespacedName, e entry) {
	s.unfile(key, s.by[key])
	s.by[key] = e
	s.file(key, e)
}

// drop removes an entry. s.mu is held.
func (s *store) drop(key types.NamespacedName) {
	s.unfile(key, s.by[key])
	delete(s.by, key)
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(obj any) error {
	m, err := s.metadata(obj)
	if err != nil {
		return err
	}
	key := nameOf(m)
	s.mu.Lock()
	s.drop(key)
	s.mu.Unlock()
	s.tell(key, s.keep(&m.ObjectMeta))
	return nil
}

// Replace takes a new list, after the start or after a gap in the watch, and
// tells what changed in the gap.
func (s *store) Replace(list []any, version string) error {
	fresh := make(map[types.NamespacedName]entry, len(list))
	for _, obj := range list {
		m, err := s.metadata(obj)
		if err != nil {
			return err
		}
		fresh[nameOf(m)] = s.keep(&m.ObjectMeta)
	}
	changed := map[types.NamespacedName]entry{}
	s.mu.Lock()
	s.upTo[s.namespace] = version
	for key, old := range s.by {
		if _, ok := fresh[key]; !ok && (s.namespace == "" || s.namespace == key.Namespace) {
			s.drop(key)
			changed[key] = old
		}
	}
	for key, e := range fresh {
		if s.listed && s.by[key].version != e.version {
			changed[key] = e
		}
		s.set(key, e)
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

// UpdateResourceVersion implements cache.ResourceVersionUpdater: the reflector
// calls it after each event.
func (s *store) UpdateResourceVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upTo[s.namespace] = version
}

func (s *store) metadata(obj any) (*metav1.PartialObjectMetadata, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, fmt.Errorf("watch of %ss: got a %T", s.kind, obj)
	}
	return m, nil
}

// nameOf shares the namespace's name between all that are in it.
func nameOf(m *metav1.PartialObjectMetadata) types.NamespacedName {
	return types.NamespacedName{Namespace: shared(m.Namespace), Name: m.Name}
}
