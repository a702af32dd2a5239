package controller

import (
	"context"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Served are the kinds whose controllers run, so far, and answers what
// target.Writer asks about their objects.
type Served struct {
	cache client.Reader

	mu    sync.Mutex
	added []dialect.Deliveries
}

// NewServed has the objects looked up in the cache.
func NewServed(cache client.Reader) *Served { return &Served{cache: cache} }

func (s *Served) add(d dialect.Deliveries) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added = append(s.added, d)
}

func (s *Served) kinds() []dialect.Deliveries {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.added)
}

// Rival reports whether the object that writes as manager is there and wants
// the destination too.
func (s *Served) Rival(ctx context.Context, dest *delivery.Destination, manager string) bool {
	for _, d := range s.kinds() {
		kind := d.Kind()
		if kind.GVK.Kind != dest.Owner.Kind {
			continue
		}
		for _, name := range find(ctx, s.cache, kind, targetKey(dest.Namespace, dest.Name)) {
			obj := kind.New()
			if err := s.cache.Get(ctx, name, obj); err != nil {
				if client.IgnoreNotFound(err) != nil {
					return true // better refused than fought over
				}
				continue
			}
			plan, err := d.Translate(obj)
			if err == nil && plan.Destination.FieldManager == manager && obj.GetDeletionTimestamp() == nil {
				return true
			}
		}
	}
	return false
}

// Gone reports whether there is no object of the destination's owner's kind and
// of that name.
func (s *Served) Gone(ctx context.Context, dest *delivery.Destination, name types.NamespacedName) bool {
	known := false
	for _, d := range s.kinds() {
		kind := d.Kind()
		if kind.GVK.Kind != dest.Owner.Kind || kind.Annotated {
			continue
		}
		if err := s.cache.Get(ctx, name, kind.New()); !apierrors.IsNotFound(err) {
			return false
		}
		known = true
	}
	return known
}
