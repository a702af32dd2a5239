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
//   - It is renewed in time though nobody calls, by a timer.
//   - A renewal that fails for a passing reason is tried again before there is
//     a new log-in, since the old token's time would then run out.
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

// loan is a lease that this session took out.
type loan struct {
	life *life
	ends time.Time
}

// lend records that a token has taken out a lease, has the token live as long
// as that needs it, and returns the lease as long as it will last.
func (s *session) lend(ctx context.Context, tok *token, lease delivery.Lease) delivery.Lease {
	now := s.caller.now()
	s.mu.Lock()
	tok.life.wanted.Store(max(tok.life.wanted.Load(), int64(2*lease.Duration), 1))
	if s.loans == nil {
		s.loans = map[string]loan{}
	}
	maps.DeleteFunc(s.loans, func(_ string, l loan) bool { return now.After(l.ends) || now.After(l.life.ends) })
	s.loans[lease.ID] = loan{tok.life, now.Add(lease.Duration)}
	short := s.current != nil && s.current.life == tok.life && s.current.short()
	s.mu.Unlock()
	if short {
		_, _, _ = s.token(ctx) // else it lasts as long as it does
	}
	s.mu.Lock()
	s.wake()
	lease.Until = tok.life.ends
	s.mu.Unlock()
	return within(lease, now)
}

// prolong returns a renewed lease as long as it will last. When the token ends
// of one that another session took out is what was recorded with it.
func (s *session) prolong(lease delivery.Lease) delivery.Lease {
	now := s.caller.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l, known := s.loans[lease.ID]
	if !known {
		return within(lease, now)
	}
	s.loans[lease.ID] = loan{l.life, now.Add(lease.Duration)}
	lease.Until = l.life.ends
	if s.current != nil && s.current.life == l.life && !s.current.issued {
		// The user's own token, which no log-in replaces: new credentials
		// would last no longer.
		return lease
	}
	return within(lease, now)
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
