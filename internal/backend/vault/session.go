package vault

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// session keeps one token good: logged in at the first call, renewed by the
// calls that come when two thirds of its time have passed, replaced when that
// fails. Callers who need a token at the same time share one log-in.
type session struct {
	caller    *caller
	namespace string // to log in to
	method    method
	checks    checks
	known     wire.Known // for masking

	mu      sync.Mutex
	current *token
	flight  *flight
	closed  bool
	timer   *time.Timer // renews a token that leases hang on; see lend
	loans   map[string]loan
}

// flight is a log-in or renewal under way.
type flight struct {
	done chan struct{}
	tok  *token
	err  error
}

func newSession(k *caller, namespace string, m method) *session {
	s := &session{caller: k, namespace: namespace, method: m, checks: checks{turn: make(chan struct{}, 1)}}
	k.secrets = s.known.All
	return s
}

// token returns the token to use now. fresh reports that Vault has just
// accepted it.
func (s *session) token(ctx context.Context) (tok *token, fresh bool, err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, false, &backend.Error{Kind: backend.Unavailable, Message: "the session with Vault is closed"}
	}
	if s.current != nil && !s.current.due(s.caller.now()) {
		defer s.mu.Unlock()
		return s.current, false, nil
	}
	f := s.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.flight = f
		// The caller who happens to come first must not take the log-in
		// with it when it gives up.
		go s.fly(context.WithoutCancel(ctx), f, s.current)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		// A token whose refresh failed has proven nothing.
		return f.tok, f.err == nil && f.tok.retry.IsZero(), f.err
	case <-ctx.Done():
		return nil, false, &backend.Error{
			Kind: backend.Unavailable, Message: "gave up waiting for the log-in to Vault", Err: ctx.Err(),
		}
	}
}

func (s *session) fly(ctx context.Context, f *flight, old *token) {
	ctx, cancel := context.WithTimeout(ctx, wire.Timeout)
	defer cancel()
	f.tok, f.err = s.refresh(ctx, old)
	s.mu.Lock()
	s.current, s.flight = f.tok, nil
	if f.tok != nil {
		f.tok.life.ends = f.tok.ends()
	}
	s.wake()
	s.mu.Unlock()
	close(f.done)
}

// refresh renews old or logs in anew. If neither works, old is used as long
// as it lasts.
func (s *session) refresh(ctx context.Context, old *token) (*token, error) {
	now := s.caller.now()
	if old == nil || old.over(now) {
		return s.anew(ctx, old)
	}
	if old.renewable {
		renewed, err := s.renew(ctx, old)
		// A token that comes back with less than half of its time, or that
		// leases hang on with less than three quarters, is near its end for
		// good: better a new one now.
		least := old.full / 2
		if old.life.lends() {
			least = old.full / 4 * 3
		}
		if err == nil && (!old.issued || renewed.ttl == 0 || renewed.ttl >= least) {
			return renewed, nil
		}
		switch {
		case err == nil:
			old = renewed
		case old.life.lends() && passing(err):
			return old.postponed(now), nil
		case old.life.lends() && now.Before(old.since.Add(old.ttl/2)):
			later := old.postponed(now)
			later.renewable = false
			return later, nil
		}
	}
	if tok, err := s.anew(ctx, old); err == nil {
		return tok, nil
	}
	return old.postponed(now), nil
}

// anew logs in after old. With a user's own token that is a look at it: as long
// as it is the same one, what hangs on it does so still.
func (s *session) anew(ctx context.Context, old *token) (*token, error) {
	tok, err := s.login(ctx)
	if err == nil && old != nil && tok.value == old.value {
		tok.life, tok.asked = old.life, max(old.asked, old.life.want())
	}
	return tok, err
}

func (s *session) login(ctx context.Context) (*token, error) {
	path, body, err := s.method.request(ctx)
	if err != nil {
		return nil, err
	}
	s.known.Add(secretsOf(body)...)
	since := s.caller.now()
	if path == "" {
		value, _ := body["token"].(string)
		a, err := s.look(ctx, value)
		if err != nil {
			return nil, err
		}
		return tokenFromLookup(a, value, since)
	}
	c := loginCall(path, body)
	c.namespace = s.namespace
	a, err := s.caller.do(ctx, c)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		kind := loginKind(a)
		a.loggedOut = kind == backend.Refused
		return nil, a.failure(kind)
	}
	tok, err := tokenFromAuth(a, since)
	if err == nil {
		s.known.Add(tok.value)
	}
	return tok, err
}

// loginKind sorts a log-in that failed. Vault answers wrong credentials with
// 400, and some of its releases with 500.
func loginKind(a answer) backend.Kind {
	words := strings.ToLower(a.words)
	for _, phrase := range []string{"invalid secret id", "invalid role", "invalid credentials"} {
		if a.status == http.StatusInternalServerError && strings.Contains(words, phrase) {
			return backend.Refused
		}
	}
	if a.status == http.StatusBadRequest {
		return backend.Refused
	}
	return a.kind()
}

func (s *session) renew(ctx context.Context, old *token) (*token, error) {
	since := s.caller.now()
	c := call{
		does: "renew Vault's token", method: http.MethodPost, path: "auth/token/renew-self",
		body: map[string]any{}, namespace: s.namespace, token: old.value,
	}
	asked, longer := old.asked, old.short()
	if longer {
		asked = old.life.want()
	}
	if asked > 0 {
		c.body["increment"] = int64(asked / time.Second)
	}
	a, err := s.caller.do(ctx, c)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, a.failure(a.kind())
	}
	tok, err := tokenFromAuth(a, since)
	if err != nil {
		return nil, err
	}
	tok.value, tok.issued, tok.revocable, tok.asked, tok.life = old.value, old.issued, old.revocable, asked, old.life
	if !longer {
		// More than before if it was asked for more in vain then.
		tok.full = max(old.full, tok.ttl)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tok.life.ends = tok.ends() // even if it is replaced at once
	return tok, nil
}

// closeTimeout bounds the good-bye.
const closeTimeout = 10 * time.Second

// close ends the session. A log-in under way is waited for, so that its
// token is not left behind.
func (s *session) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	s.mu.Lock()
	f := s.flight
	already := s.closed
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if already {
		return nil
	}
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return &backend.Error{
				Kind: backend.Unavailable, Message: "the log-in to Vault did not end in time", Err: ctx.Err(),
			}
		}
	}
	s.mu.Lock()
	tok := s.current
	s.current = nil
	s.mu.Unlock()
	return s.revoke(ctx, tok)
}

func (s *session) revoke(ctx context.Context, tok *token) error {
	if tok == nil || !tok.issued || !tok.revocable || tok.life.lends() || tok.over(s.caller.now()) {
		return nil
	}
	a, err := s.caller.do(ctx, call{
		does: "revoke Vault's token", method: http.MethodPost, path: "auth/token/revoke-self",
		body: map[string]any{}, namespace: s.namespace, token: tok.value,
	})
	if err != nil {
		return err
	}
	// 403: it is gone already.
	if a.ok() || a.status == http.StatusForbidden {
		return nil
	}
	return a.failure(a.kind())
}
