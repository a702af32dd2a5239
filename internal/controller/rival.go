package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Rival reports whether the object that writes as manager is there and wants
// the destination too. It is target.Writer's question to the cache.
func (s *Shared) Rival(ctx context.Context, dest *delivery.Destination, manager string) bool {
	for _, d := range s.kinds() {
		kind := d.Kind()
		if kind.GVK.Kind != dest.Owner.Kind {
			continue
		}
		for _, name := range find(ctx, s.Cluster.GetCache(), kind, targetKey(dest.Namespace, dest.Name)) {
			obj := kind.New()
			if err := s.Cluster.GetCache().Get(ctx, name, obj); err != nil {
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
// of that name. It is target.Writer's question to the cache.
func (s *Shared) Gone(ctx context.Context, dest *delivery.Destination, name types.NamespacedName) bool {
	known := false
	for _, d := range s.kinds() {
		kind := d.Kind()
		if kind.GVK.Kind != dest.Owner.Kind || kind.Annotated {
			continue
		}
		if err := s.Cluster.GetCache().Get(ctx, name, kind.New()); !apierrors.IsNotFound(err) {
			return false
		}
		known = true
	}
	return known
}
