package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Keys are what sealed data is opened with.
type Keys interface {
	// Changed is closed when there are other keys than at the call.
	Changed() <-chan struct{}
}

// sealedKey is that of all objects that hold sealed data.
const sealedKey = "sealed"

// opens reports that the plan needs keys.
func opens(plan *delivery.Delivery) bool {
	for i := range plan.Sources {
		if plan.Sources[i].Take == delivery.TakeSealed {
			return true
		}
	}
	return false
}

// onKeys wakes those that failed whenever there are other keys: what no key
// opened may open now. What did open needs nothing.
func (r *deliveryReconciler) onKeys() source.Source {
	return source.Func(func(ctx context.Context, q queue) error {
		changed := r.Keys.Changed()
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-changed:
				}
				changed = r.Keys.Changed()
				at := r.Now()
				for _, name := range r.objects.find(ctx, sealedKey) {
					if r.memories.failing(name) {
						r.wake(q, name, wake{asked: at, force: true})
					}
				}
			}
		}()
		return nil
	})
}
