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

// deliberate reports that the wake is about something that the object needs and
// may now have.
func (w wake) deliberate() bool { return w.force || w.store || w.access }

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
	w.note(name, next, func(old, next time.Time) bool { return old.After(next) })
}

// join notes a wake that says nothing of newer values: who has asked already
// goes on with the time of that, and so shares what was read for others
// meanwhile.
func (w *wakes) join(name types.NamespacedName, next wake) {
	w.note(name, next, func(time.Time, time.Time) bool { return true })
}

func (w *wakes) note(name types.NamespacedName, next wake, keepOld func(old, next time.Time) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, ok := w.by[name]
	if ok && keepOld(old.asked, next.asked) {
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
