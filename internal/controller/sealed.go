package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Keys are what sealed data is opened with.
type Keys interface {
	// Changed is closed when there are other keys than at the call.
	Changed() <-chan struct{}
	// Lost counts how often a key went that had opened.
	Lost() uint64
	// Fits reports that keys which are there are known to open it.
	Fits(s *delivery.Sealed) bool
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

// onKeys wakes those that other keys may be news for, whenever there are any.
func (r *deliveryReconciler) onKeys() source.Source {
	return source.Func(func(ctx context.Context, q queue) error {
		changed, lost := r.Keys.Changed(), r.Keys.Lost()
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-changed:
				}
				changed = r.Keys.Changed()
				before := lost
				lost = r.Keys.Lost()
				r.wakeByKeys(ctx, q, lost != before)
			}
		}()
		return nil
	})
}

// wakeByKeys wakes those that failed: what no key opened may open now. If a key
// went, those that it may have opened must say so, behind what waits for keys;
// what the others are known to open needs nothing.
func (r *deliveryReconciler) wakeByKeys(ctx context.Context, q queue, lost bool) {
	at := r.Now()
	for _, name := range r.objects.find(ctx, sealedKey) {
		switch {
		case r.memories.failing(name):
			r.wake(q, name, wake{asked: at, force: true})
		case lost && !r.fits(ctx, name):
			r.wakes.ask(name, wake{asked: at, force: true})
			addLater(q, name)
		}
	}
}

// fits reports that the keys which are there are known to open the object.
func (r *deliveryReconciler) fits(ctx context.Context, name types.NamespacedName) bool {
	obj, err := r.objects.get(ctx, name)
	if err != nil {
		return true // it is gone, or will be read when the cache brings it
	}
	plan, _ := r.dialect.Translate(obj)
	for i := range plan.Sources {
		if s := &plan.Sources[i]; s.Take == delivery.TakeSealed && !r.Keys.Fits(&s.Sealed) {
			return false
		}
	}
	return true
}
