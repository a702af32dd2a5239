package rollouts

import (
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// wakes are the changes that a workload was not looked at for yet. Those in
// quick succession are looked at together.
type wakes struct {
	window, most time.Duration

	mu sync.Mutex
	by map[delivery.Workload]wake
}

type wake struct{ first, last time.Time }

func newWakes(window, most time.Duration) *wakes {
	return &wakes{window: window, most: most, by: map[delivery.Workload]wake{}}
}

// note notes a change, and returns how long to wait for others.
func (w *wakes) note(name delivery.Workload, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	got, ok := w.by[name]
	if !ok {
		got.first = now
	}
	got.last = now
	w.by[name] = got
	return w.due(got).Sub(now)
}

func (w *wakes) due(got wake) time.Time {
	due := got.last.Add(w.window)
	if most := got.first.Add(w.most); most.Before(due) {
		return most
	}
	return due
}

// take returns the changes and forgets them, if their window is over;
// otherwise it returns how long that takes. Without changes both are zero.
func (w *wakes) take(name delivery.Workload, now time.Time) (got wake, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	got, ok := w.by[name]
	if !ok {
		return wake{}, 0
	}
	if wait := w.due(got).Sub(now); wait > 0 {
		return wake{}, wait
	}
	delete(w.by, name)
	return got, 0
}

func (w *wakes) forget(name delivery.Workload) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, name)
}
