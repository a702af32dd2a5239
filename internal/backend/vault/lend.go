package vault

import (
	"context"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// Vault ends a lease with the token that took it out. So a token that leases
// hang on is treated with more care than others:
//
//   - It is not revoked when the session closes: whoever comes next renews its
//     leases with a token of his own, for as long as this one lasts.
//   - It is renewed in time though nobody calls, by a timer.
//   - A renewal that fails for a passing reason is tried again before there is
//     a new log-in, since the old token's time would then run out.
//
// Near the token's last end there is a new log-in like for any other. Its
// leases end with it; renewing one then says that it does not exist, and who
// held it takes out another, with the new token.

// lend records that a token has taken out a lease.
func (s *session) lend(tok *token) {
	if tok.lends.Swap(true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// wake sets the timer for the next renewal of a token that leases hang on.
// s.mu is held.
func (s *session) wake() {
	tok := s.current
	if s.closed || tok == nil || !tok.lends.Load() || tok.ttl == 0 {
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
