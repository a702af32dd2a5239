package doppler

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// pass is a token that Doppler accepts.
type pass struct {
	token string
	// who it stands for; another's answers are not this one's.
	who string
	// issued reports that it was made for this session, which therefore
	// revokes it; a user's own token never is.
	issued bool
	// due is when it is replaced; zero: never.
	due time.Time
}

// margin is what has to be left of an issued token's life.
const margin = time.Minute

// session keeps one pass good. Callers who need it at the same time share one
// log-in.
type session struct {
	caller *caller
	auth   auth
	known  wire.Known // for masking

	mu      sync.Mutex
	current *pass
	flight  *flight
	closed  bool
}

// flight is a log-in under way.
type flight struct {
	done chan struct{}
	pass *pass
	err  error
}

// loginTimeout bounds a log-in: its call, and what is resolved for it.
const loginTimeout = 2 * timeout

func newSession(k *caller, a auth) *session {
	s := &session{caller: k, auth: a}
	k.secrets = s.known.All
	return s
}

// get returns the pass to use now.
func (s *session) get(ctx context.Context) (pass, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return pass{}, &backend.Error{Kind: backend.Unavailable, Message: "the session with Doppler is closed"}
	}
	if p := s.current; p != nil && (p.due.IsZero() || s.caller.now().Before(p.due)) {
		defer s.mu.Unlock()
		return *p, nil
	}
	f := s.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.flight = f
		// The caller who happens to come first must not take the log-in
		// with it when it gives up.
		go s.fly(context.WithoutCancel(ctx), f)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		if f.err != nil {
			return pass{}, f.err
		}
		return *f.pass, nil
	case <-ctx.Done():
		return pass{}, &backend.Error{Kind: backend.Unavailable, Message: "gave up waiting for the log-in to Doppler", Err: ctx.Err()}
	}
}

// drop forgets a pass that was refused.
func (s *session) drop(p pass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.token == p.token {
		s.current = nil
	}
}

func (s *session) fly(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	f.pass, f.err = s.login(ctx)
	s.mu.Lock()
	s.current, s.flight = f.pass, nil
	s.mu.Unlock()
	close(f.done)
}

func (s *session) login(ctx context.Context) (*pass, error) {
	t, err := s.auth.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if t.token != "" {
		s.remember(t.token)
		return &pass{token: t.token, who: "token " + t.token}, nil
	}
	s.remember(t.jwt)
	a, err := s.caller.do(ctx, call{
		does: "log in to Doppler as the identity " + word(t.identity), method: http.MethodPost, path: "/v3/auth/oidc",
		body: map[string]string{"identity": t.identity, "token": t.jwt},
	})
	if err != nil {
		return nil, err
	}
	return s.issued(a, t.identity)
}

// issued reads the answer to a log-in.
func (s *session) issued(a answer, identity string) (*pass, error) {
	if !a.ok() {
		kind := a.kind()
		if kind == backend.Misconfigured {
			// Whatever Doppler has against these credentials.
			kind = backend.Refused
		}
		return nil, loginFailure(a, kind)
	}
	var shape struct {
		Success   *bool   `json:"success"`
		Token     string  `json:"token"`
		ExpiresAt *string `json:"expires_at"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Success == nil {
		return nil, a.malformed("the answer is no JSON of Doppler's")
	}
	if !*shape.Success {
		a.dopplers = true
		return nil, loginFailure(a, backend.Refused)
	}
	if shape.Token == "" || shape.ExpiresAt == nil {
		return nil, a.malformed("the answer holds no token with an end")
	}
	s.remember(shape.Token)
	ends, err := time.Parse(time.RFC3339, *shape.ExpiresAt)
	if err != nil {
		return nil, a.malformed("the end of the token is no time")
	}
	now := s.caller.now()
	// By Doppler's own clock, so that it does not matter how ours goes.
	life := ends.Sub(now)
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		life = ends.Sub(date)
	}
	if life <= 0 {
		return nil, a.malformed("the token has ended already")
	}
	return &pass{
		token: shape.Token, who: "identity " + identity, issued: true,
		due: now.Add(max(life-margin, life/2)),
	}, nil
}

// loginFailure is a failed log-in. One that is refused is refused as such.
func loginFailure(a answer, kind backend.Kind) error {
	return &backend.Error{
		Kind: kind, Message: "cannot " + a.call.does + ": " + a.says(),
		RetryAfter: a.retryAfter, LoggedOut: kind == backend.Refused,
	}
}

// remember has a token masked, as it is and as requests carry it.
func (s *session) remember(token string) {
	s.known.Add(token, base64.StdEncoding.EncodeToString([]byte(token+":")))
}

// close ends the session. A log-in under way is waited for, so that its
// token is not left behind.
func (s *session) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.mu.Lock()
	f := s.flight
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return &backend.Error{Kind: backend.Unavailable, Message: "the log-in to Doppler did not end in time", Err: ctx.Err()}
		}
	}
	s.mu.Lock()
	p := s.current
	s.current = nil
	s.mu.Unlock()
	return s.revoke(ctx, p)
}

func (s *session) revoke(ctx context.Context, p *pass) error {
	if p == nil || !p.issued {
		return nil
	}
	a, err := s.caller.do(ctx, call{
		does: "revoke the token that Doppler issued", method: http.MethodPost, path: "/v3/auth/revoke",
		body: map[string]string{"token": p.token}, token: p.token,
	})
	if err != nil {
		return err
	}
	// Any other word of Doppler's own about the token: it is gone already, or
	// ends by itself.
	if a.status < 300 || a.status < 500 && a.status != http.StatusTooManyRequests && a.dopplers {
		return nil
	}
	return a.failure(a.kind())
}
