// Package doppler reads configs of Doppler's projects.
//
// The smallest read is the whole config, and an ETag tells whether it
// changed. So a session keeps what it read last, asks for it again only if it
// changed, and tells above (backend.Bundler) that all names of a config are
// one read: Doppler allows 240 a minute.
package doppler

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Home is where Doppler itself serves its API.
const Home = "https://api.doppler.com"

// Options are the operator's own terms.
type Options struct {
	// Hosts are those that stores may name: "host", "host:port", or either
	// behind "http://" where a plain connection is meant. An entry without a
	// port admits every port; plain connections to loopback need no "http://".
	// Empty admits Doppler's own host alone. Whoever makes a store chooses
	// among them, and none other is ever called.
	Hosts []string
	// Default is the base URL of stores that name none; empty is Home.
	Default string
}

// store is one session with one config.
type store struct {
	cfg     delivery.DopplerConfig
	caller  *caller
	session *session

	mu   sync.Mutex
	kept map[form]*kept
}

// NewOpener returns the backend.Opener for delivery.DopplerConfig.
func NewOpener(o Options) backend.Opener {
	return func(_ context.Context, cfg delivery.Config, creds backend.Credentials) (backend.Backend, error) {
		c, ok := cfg.(delivery.DopplerConfig)
		if !ok {
			return nil, misconfigured("this is no configuration of Doppler")
		}
		return open(o, c, creds)
	}
}

func open(o Options, c delivery.DopplerConfig, creds backend.Credentials) (*store, error) {
	if c.Host == "" {
		c.Host = o.Default
	}
	if c.Host == "" {
		c.Host = Home
	}
	c.Host = strings.TrimRight(c.Host, "/")
	base, err := o.address(c.Host)
	if err != nil {
		return nil, err
	}
	if err := checkWords(c); err != nil {
		return nil, err
	}
	how, err := newAuth(c, creds)
	if err != nil {
		return nil, err
	}
	trust := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: c.SkipVerify, //nolint:gosec // verifyTLS: false asks for it, at hosts that the operator allows
	}
	k := &caller{
		base: base,
		wire: wire.New("Doppler at "+(&url.URL{Scheme: base.Scheme, Host: base.Host}).String(), wire.NewTransport(trust)),
		now:  time.Now, patience: timeout,
	}
	return &store{cfg: c, caller: k, session: newSession(k, how), kept: map[form]*kept{}}, nil
}

// checkWords refuses what would ask for something else than it says.
func checkWords(c delivery.DopplerConfig) error {
	for _, name := range c.Secrets {
		if strings.TrimSpace(name) == "" || strings.Contains(name, ",") {
			return misconfigured("a name among the secrets to read is empty or holds a comma; give each name as one entry")
		}
	}
	return nil
}

// Check implements backend.Backend: it lists the names of the config, which
// takes the same rights as reading it.
func (s *store) Check(ctx context.Context) error {
	a, _, err := s.ask(ctx, call{
		does:   "look into " + s.subject(),
		method: http.MethodGet,
		path:   "/v3/configs/config/secrets/names",
		query:  s.query(),
	}, nil)
	if err != nil {
		return err
	}
	if !a.ok() {
		return a.failure(a.kind())
	}
	if _, err := a.names(); err != nil {
		return err
	}
	return nil
}

// Close implements backend.Backend: a token that was issued to this session
// is revoked.
func (s *store) Close(ctx context.Context) error {
	defer s.caller.wire.Close()
	return s.session.close(ctx)
}

// ask makes a call with the session's token, and says if what was kept is
// still so. A token that Doppler refuses is replaced, once, if there is
// another.
func (s *store) ask(ctx context.Context, c call, old *kept) (answer, pass, error) {
	p, err := s.session.get(ctx)
	if err != nil {
		return answer{}, pass{}, err
	}
	a, err := s.caller.do(ctx, c.as(p, old))
	if err != nil || a.status != http.StatusUnauthorized {
		return a, p, err
	}
	s.session.drop(p)
	again, err := s.session.get(ctx)
	if err != nil {
		return answer{}, pass{}, err
	}
	if again.token == p.token {
		s.session.drop(again)
		return a, p, nil
	}
	a, err = s.caller.do(ctx, c.as(again, old))
	return a, again, err
}

// query says which config is meant.
func (s *store) query() url.Values {
	q := url.Values{}
	if s.cfg.Project != "" {
		q.Set("project", s.cfg.Project)
	}
	if s.cfg.Config != "" {
		q.Set("config", s.cfg.Config)
	}
	return q
}

// subject names the config in messages.
func (s *store) subject() string {
	text := "the config of the token"
	if s.cfg.Config != "" {
		text = `the config "` + word(s.cfg.Config) + `"`
	}
	if s.cfg.Project != "" {
		text += ` of the project "` + word(s.cfg.Project) + `"`
	}
	return text
}

// word makes a word of the manifest fit to show.
func word(s string) string { return wire.Words(s, 80) }

func misconfigured(text string) *backend.Error {
	return &backend.Error{Kind: backend.Misconfigured, Message: text}
}

func unsupported(text string) *backend.Error {
	return &backend.Error{Kind: backend.Unsupported, Message: text}
}
