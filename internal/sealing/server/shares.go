package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// grace is how long a guest may keep us waiting before it gives way to others.
const grace = time.Second

// shares let in as many as there is room for, and keep nobody out: where it is
// full, a newcomer takes the place of one of the peer that has most, so long as
// it has less itself, or else of somebody who keeps us waiting. While nobody
// else asks one peer may have all of it, as the API server needs, which all
// come from who come through its proxy, and which nothing tells from others.
type shares struct {
	room int

	mu  sync.Mutex
	all []*guest // the oldest first
}

// guest is a connection, or a request with its body.
type guest struct {
	peer string
	// drop ends it. It is called once at most, before leave has returned, and
	// must not call leave.
	drop    func()
	dropped bool // shares.mu guards it
	// since is when we began to wait for something of it; 0 if we do not.
	since atomic.Int64
}

// awaited notes that we wait for something from the guest, or no longer.
func (g *guest) awaited(yes bool) {
	if !yes {
		g.since.Store(0)
		return
	}
	g.since.Store(time.Now().UnixNano())
}

func (g *guest) late(now time.Time) bool {
	since := g.since.Load()
	return since != 0 && now.Sub(time.Unix(0, since)) > grace
}

// enter lets a peer in, which is awaited; nil if there is no room for it.
func (s *shares) enter(peer string, drop func()) *guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= s.room {
		i := s.yielding(peer)
		if i < 0 {
			return nil
		}
		s.all[i].dropped = true
		s.all[i].drop()
		s.all = slices.Delete(s.all, i, i+1)
	}
	g := &guest{peer: peer, drop: drop}
	g.awaited(true)
	s.all = append(s.all, g)
	return g
}

// leave gives the place back, and reports that others have it already.
func (s *shares) leave(g *guest) (dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.all, g); i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
	}
	return g.dropped
}

// yielding is who makes room for the peer, or -1.
func (s *shares) yielding(peer string) int {
	count, most := map[string]int{}, ""
	for _, g := range s.all {
		if count[g.peer]++; count[g.peer] > count[most] {
			most = g.peer
		}
	}
	now := time.Now()
	if count[most] <= count[peer]+1 {
		return slices.IndexFunc(s.all, func(g *guest) bool { return g.late(now) })
	}
	if i := slices.IndexFunc(s.all, func(g *guest) bool { return g.peer == most && g.late(now) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(s.all, func(g *guest) bool { return g.peer == most })
}
