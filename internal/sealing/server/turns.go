package server

import (
	"context"
	"slices"
	"sync"
)

// turns lets so many work at once, and has those who wait take turns by peer:
// who asked much waits for who asked little.
type turns struct {
	room int

	mu      sync.Mutex
	running int
	waiting []*turn // the oldest first
	// given counts turns, and last is by peer the number of its latest.
	given int
	last  map[string]int
}

type turn struct {
	peer  string
	comes chan struct{}
}

// enter waits for a turn. Without one ctx has ended.
func (t *turns) enter(ctx context.Context, peer string) bool {
	w := &turn{peer, make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.next()
	t.mu.Unlock()
	select {
	case <-w.comes:
		return true
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		return false
	}
	return true // it came meanwhile: what is done in it ends at once
}

func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	t.next()
}

// next gives turns while there is room. The caller holds t.mu.
func (t *turns) next() {
	if t.running == 0 && len(t.waiting) == 0 {
		t.last = nil
	}
	for t.running < t.room && len(t.waiting) > 0 {
		first := 0
		for i, w := range t.waiting {
			if t.last[w.peer] < t.last[t.waiting[first].peer] {
				first = i
			}
		}
		w := t.waiting[first]
		t.waiting = slices.Delete(t.waiting, first, first+1)
		if t.last == nil {
			t.last = map[string]int{}
		}
		t.given++
		t.last[w.peer] = t.given
		t.running++
		close(w.comes)
	}
}
