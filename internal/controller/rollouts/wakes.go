package rollouts

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

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

// memory is what the process knows of a workload beyond its record. All of it
// can be lost.
type memory struct {
	uid types.UID
	// version that our last write brought the workload to.
	version string
	// since is when the change came that is not rolled out yet.
	since    time.Time
	failures int // in a row
	// told: an event says that the workload waits.
	told bool
	// troubled: the last event says that something is still to be done.
	troubled bool
	// held are the causes of the restart that a pause puts off.
	held []string
	// invalid is what was last said about its annotations.
	invalid string
	rival   rival
}

type memories struct {
	mu sync.Mutex
	by map[delivery.Workload]memory
}

func newMemories() *memories { return &memories{by: map[delivery.Workload]memory{}} }

// of returns the memory of the workload, empty if it is another of that name.
func (m *memories) of(w *workload) memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.by[w.id()]; got.uid == w.UID {
		return got
	}
	return memory{uid: w.UID}
}

func (m *memories) keep(name delivery.Workload, mem memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by[name] = mem
}

func (m *memories) forget(name delivery.Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, name)
}
