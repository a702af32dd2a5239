package broker

import (
	"errors"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// gate stands before a store. It is shut while the store asked us to wait,
// and after it refused our credentials as such, so that a thousand objects do
// not lock the account. A change of a credential makes a new session and with
// it a new gate.
type gate struct {
	first, max time.Duration
	// asked is shared with the sessions before and after this one; nil for none.
	asked *patience

	mu       sync.Mutex
	until    time.Time
	why      *backend.Error
	refusals int
}

// pass returns what shut the gate, or nil.
func (g *gate) pass(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.asked.pass(now); err != nil {
		return err
	}
	if !now.Before(g.until) {
		return nil
	}
	err := *g.why
	err.RetryAfter = g.until.Sub(now)
	return &err
}

// shut reports whether credentials that were refused were waiting at that time,
// or are to wait yet: how often they were is not to be forgotten.
func (g *gate) shut(at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return at.Before(g.until)
}

// learn shuts or opens the gate by how a call ended.
func (g *gate) learn(now time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var e *backend.Error
	if !errors.As(err, &e) {
		if err == nil {
			g.refusals = 0
		}
		return
	}
	shut := now.Before(g.until)
	var wait time.Duration
	switch {
	case e.Kind == backend.Throttled:
		// Without Retry-After a second is enough to let a bucket fill.
		wait = max(e.RetryAfter, time.Second)
	case e.RetryAfter > 0:
		wait = e.RetryAfter
	case e.Kind == backend.Refused && e.LoggedOut:
		if shut {
			return // it was under way when another was refused
		}
		wait = min(g.first<<min(g.refusals, 16), g.max)
		g.refusals++
	default:
		return
	}
	until := now.Add(wait)
	if e.Kind != backend.Refused && g.asked != nil {
		g.asked.learn(until, e)
		return
	}
	if until.After(g.until) {
		g.until, g.why = until, e
	}
}

// patience is how long a store asked us to wait. That is not about credentials:
// it outlives the session that was told.
type patience struct {
	mu    sync.Mutex
	until time.Time
	why   *backend.Error
}

func (p *patience) learn(until time.Time, why *backend.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until, p.why = until, why
	}
}

// pass returns what there is to wait for, or nil.
func (p *patience) pass(now time.Time) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !now.Before(p.until) {
		return nil
	}
	err := *p.why
	err.RetryAfter = p.until.Sub(now)
	return &err
}
