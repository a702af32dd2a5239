package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// wake is why an object runs: when it was asked for, which is how old a value
// may be that serves it, and whether it must read its sources though nothing
// of its own changed.
type wake struct {
	asked time.Time
	force bool
	// store: a store of the object may not be the one that it was last run
	// with.
	store bool
	// access: the object's namespace may have gained or lost a store.
	access bool
}

// wakes remembers for each object that is queued when that was asked. The
// queue itself does not: it keeps one entry an object, however often it is
// added.
type wakes struct {
	mu sync.Mutex
	by map[types.NamespacedName]wake
}

func newWakes() *wakes { return &wakes{by: map[types.NamespacedName]wake{}} }

// ask notes a wake. The latest time counts: who asks last may know of a newer
// value.
func (w *wakes) ask(name types.NamespacedName, next wake) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.by[name]
	if old.asked.After(next.asked) {
		next.asked = old.asked
	}
	next.force, next.store, next.access = next.force || old.force, next.store || old.store, next.access || old.access
	w.by[name] = next
}

// take returns the wake and forgets it; ok is false where none was noted
// since, that is, a timer woke the object.
func (w *wakes) take(name types.NamespacedName) (got wake, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	got, ok = w.by[name]
	delete(w.by, name)
	return got, ok
}
