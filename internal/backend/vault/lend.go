package vault

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Vault ends a lease with the token that took it out, however long the lease
// was to last and whoever renewed it. So a token that leases hang on is treated
// with more care than others:
//
//   - When it begins to lend, it is renewed once for twice as long as the lease
//     lasts. What Vault allows of that is how long the lease may count on it.
//   - It is renewed in time though nobody calls, by a timer, if it may be.
//   - A renewal that fails for a passing reason is tried again before there is
//     a new log-in, since the old token's time would then run out. One that is
//     denied is no reason for a log-in before half of the token's time is over.
//   - It is not revoked when the session closes: whoever comes next renews its
//     leases with a token of his own, for as long as this one lasts.
//
// And no lease is said to last longer than its token, as far as that is known
// by then. Near a token's last end there is a new log-in, at half of its time:
// who holds a lease and looks when he should, too, sees less than half of it
// left, and takes out another with the new token while the old one still lasts.

// life is what is common to a token before and after its renewals.
type life struct {
	// wanted is for how long what hangs on it needs it, in nanoseconds; 0 if
	// nothing does.
	wanted atomic.Int64
	// ends is when it does, by the newest renewal. The session's mutex guards it.
	ends time.Time
	// Of a user's own token: when it was to end as it was looked at first, and
	// whether anybody had renewed it by then.
	first   time.Time
	renewed bool
}

func (l *life) want() time.Duration { return time.Duration(l.wanted.Load()) }

// lends reports that leases hang on the token.
func (l *life) lends() bool { return l.want() > 0 }

// short reports that a token that might live longer was never asked to live as
// long as its leases need it.
func (t *token) short() bool {
	want := t.life.want()
	return t.ttl != 0 && t.renewable && t.full < want && t.asked < want
}

// loan is a lease that this session took out, or found on a user's own token.
type loan struct {
	life *life
	ends time.Time
	// whole is for how long it was lent, however long its token was to last.
	whole time.Duration
}

// lend records that a token has taken out a lease, has the token live as long
// as that needs it, and returns the lease as long as it will last.
func (s *session) lend(ctx context.Context, tok *token, lease delivery.Lease) delivery.Lease {
	now := s.caller.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	lease.Until = s.hang(ctx, tok.life, lease, now)
	return within(lease, now)
}

// prolong returns a renewed lease as long as it will last. When the token ends
// of one that another session took out is what was recorded with it.
func (s *session) prolong(ctx context.Context, held, granted delivery.Lease) delivery.Lease {
	now := s.caller.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.loans[held.ID].life
	if on == nil && s.own(held.Until) {
		on = s.current.life
	}
	if on == nil {
		granted.Until = held.Until
		return within(granted, now)
	}
	granted.Until = s.hang(ctx, on, granted, now)
	lasts := within(granted, now)
	if s.current != nil && s.current.life == on && !s.current.issued {
		// The user's own token, which no log-in replaces: new credentials
		// would last no longer.
		lasts.Duration = max(lasts.Duration, min(granted.Duration, held.Duration))
	}
	return lasts
}

// hang records that a lease hangs on a token, has the token live as long as
// that needs it, and returns when it ends. s.mu is held, but not all the time.
func (s *session) hang(ctx context.Context, on *life, lease delivery.Lease, now time.Time) time.Time {
	on.wanted.Store(max(on.wanted.Load(), int64(2*lease.Duration), 1))
	if s.loans == nil {
		s.loans = map[string]loan{}
	}
	whole := max(lease.Duration, s.loans[lease.ID].whole)
	maps.DeleteFunc(s.loans, func(_ string, l loan) bool { return now.After(l.ends) || now.After(l.life.ends) })
	s.loans[lease.ID] = loan{on, now.Add(lease.Duration), whole}
	if s.current != nil && s.current.life == on && s.current.short() {
		s.mu.Unlock()
		_, _, _ = s.token(ctx) // else it lasts as long as it does
		s.mu.Lock()
	}
	s.wake()
	return on.ends
}

// own reports that a lease which another session took out seems to hang on the
// token in use: that is the user's own, which other sessions use too. It is
// another token if it ends before the end that was recorded with the lease, or
// if it was to end later though nobody had renewed it. s.mu is held.
func (s *session) own(until time.Time) bool {
	tok := s.current
	if tok == nil || tok.issued || until.IsZero() {
		return false
	}
	// An end is known to the second, and to the time that an answer took.
	const about = wire.Timeout
	later := !tok.life.renewed && tok.life.first.After(until.Add(about))
	return !later && !tok.life.ends.Before(until.Add(-about))
}

// whole is for how long to ask when a lease is renewed: one that was cut to its
// token's end may last longer by now.
func (s *session) whole(lease delivery.Lease) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(lease.Duration, s.loans[lease.ID].whole)
}

// within is a lease that began now, and ends no later than its token.
func within(lease delivery.Lease, now time.Time) delivery.Lease {
	if !lease.Until.IsZero() {
		lease.Duration = min(lease.Duration, max(lease.Until.Sub(now), 0))
	}
	return lease
}

// ended forgets a lease.
func (s *session) ended(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.loans, id)
}

// wake sets the timer for the next renewal of a token that leases hang on.
// s.mu is held.
func (s *session) wake() {
	tok := s.current
	if s.closed || tok == nil || !tok.life.lends() || tok.ttl == 0 {
		return
	}
	if tok.issued && !tok.renewable {
		return // the next caller logs in, and has the younger token
	}
	wait := max(tok.next().Sub(s.caller.now()), time.Second)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
	} else {
		s.timer.Reset(wait)
	}
}

// tick renews the token if it is due. Nobody waits for the outcome: if it
// fails, the token stays in use and the timer is set again.
func (s *session) tick() {
	ctx, cancel := context.WithTimeout(context.Background(), wire.Timeout)
	defer cancel()
	_, _, _ = s.token(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// passing reports that a failure says nothing about the token.
func passing(err error) bool {
	switch backend.KindOf(err) {
	case backend.Unavailable, backend.Throttled, backend.Malformed:
		return true
	}
	return false
}
