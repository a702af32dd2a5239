package vault

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// look asks Vault about a token, with that token.
func (s *session) look(ctx context.Context, value string) (answer, error) {
	a, err := s.caller.do(ctx, call{
		does: "look up Vault's token", method: http.MethodGet, path: "auth/token/lookup-self",
		namespace: s.namespace, token: value,
	})
	if err != nil || a.ok() {
		return a, err
	}
	a.loggedOut = a.status == http.StatusForbidden
	return a, a.failure(a.kind())
}

// checks remembers the newest look at a token, so that many calls that were
// denied at once cost one.
type checks struct {
	// turn holds the right to look; a channel, so that waiting can end.
	turn chan struct{}
	// begun counts the looks; the newest was that at value, and ended bad
	// or not.
	begun  atomic.Int64
	newest int64
	value  string
	bad    bool
	// blind is a token that was denied right after its log-in, its lookup
	// too: then lookups say nothing, since a policy forbids them.
	blind string
}

// blindFor is how long a log-in is not repeated where lookups say nothing.
const blindFor = time.Minute

// forgotten reports, after a call with tok was denied, whether Vault has
// forgotten the token; otherwise it denied just that call.
func (s *session) forgotten(ctx context.Context, tok *token) bool {
	c := &s.checks
	arrived := c.begun.Load()
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-c.turn }()
	if c.blind == tok.value && s.caller.now().Before(tok.since.Add(blindFor)) {
		return false
	}
	// A look that began after the denial is as good as one of our own, and
	// a forgotten token does not come back.
	if c.value == tok.value && (c.bad || c.newest > arrived) {
		return c.bad
	}
	c.newest = c.begun.Add(1)
	_, err := s.look(ctx, tok.value)
	c.value = tok.value
	c.bad = err != nil && backend.KindOf(err) == backend.Refused
	return c.bad
}

// markBlind records that tok was denied everything though it had just been
// issued.
func (s *session) markBlind(tok *token) {
	s.checks.turn <- struct{}{}
	s.checks.blind = tok.value
	<-s.checks.turn
}

func (s *session) isBlind(tok *token) bool {
	s.checks.turn <- struct{}{}
	defer func() { <-s.checks.turn }()
	return s.checks.blind == tok.value
}

// replace forgets a token that Vault seems to have forgotten. In case that
// it has not, it is revoked.
func (s *session) replace(ctx context.Context, tok *token) {
	s.mu.Lock()
	mine := s.current != nil && s.current.value == tok.value
	if mine {
		s.current = nil
	}
	s.mu.Unlock()
	if mine {
		_ = s.revoke(ctx, tok) // it ends by itself anyway
	}
}
