// Package vault reads and writes the KV engines, version 1 and 2, of HashiCorp
// Vault and OpenBao, and whatever else their API gives by a path, leases too.
//
// It speaks Vault's HTTP API itself. The vendor's client library takes its
// settings from VAULT_* variables of the process whatever it is told, reads
// bodies without a bound, follows a redirect to any host with the token, and
// puts the bytes of odd answers into its errors: each would break a promise
// to the tenants that share this process.
package vault

import (
	"context"
	"net/http"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// store is one session with one Vault.
type store struct {
	cfg     delivery.VaultConfig
	caller  *caller
	session *session
	mount   mount
	engines engines
}

// Open implements backend.Opener for delivery.VaultConfig. It resolves the
// trust and the client certificate; the rest of the credentials when it logs
// in.
func Open(ctx context.Context, cfg delivery.Config, creds backend.Credentials) (backend.Backend, error) {
	c, ok := cfg.(delivery.VaultConfig)
	if !ok {
		return nil, misconfigured("this is no configuration of Vault")
	}
	if c.KV < 0 || c.KV > 2 {
		return nil, misconfigured("the version of Vault's KV engine must be v1 or v2")
	}
	if c.KV == 0 && c.Mount != "" {
		return nil, misconfigured("a store in Vault whose keys are whole paths must name no mount")
	}
	base, err := address(c.Server)
	if err != nil {
		return nil, err
	}
	mount, err := newMount(c.Mount, c.KV)
	if err != nil {
		return nil, err
	}
	trust, err := tlsConfig(ctx, c, creds)
	if err != nil {
		return nil, err
	}
	method, err := authMethod(c.Auth, creds)
	if err != nil {
		return nil, err
	}
	headers, err := customHeaders(c.Headers)
	if err != nil {
		return nil, err
	}
	call := &caller{
		base:    base,
		wire:    wire.New("Vault at "+base.String(), wire.NewTransport(trust)),
		headers: headers,
		now:     time.Now,
	}
	namespace := c.Auth.Namespace
	if namespace == "" {
		namespace = c.Namespace
	}
	return &store{
		cfg:     c,
		caller:  call,
		session: newSession(call, namespace, method),
		mount:   mount,
	}, nil
}

// Check implements backend.Backend: it logs in, or proves that the session
// is still good.
func (s *store) Check(ctx context.Context) error {
	tok, fresh, err := s.session.token(ctx)
	if err != nil || fresh {
		return err
	}
	_, err = s.session.look(ctx, tok.value)
	if err == nil || backend.KindOf(err) != backend.Refused {
		return err
	}
	if s.session.isBlind(tok) {
		return backend.ErrUndecided
	}
	// A log-in that succeeds is proof enough: policies may well forbid a
	// token to look at itself.
	s.session.replace(ctx, tok)
	_, _, err = s.session.token(ctx)
	return err
}

// Close implements backend.Backend: it revokes the token if it was issued to
// this session.
func (s *store) Close(ctx context.Context) error {
	defer s.caller.wire.Close()
	return s.session.close(ctx)
}

// ask makes a call with the session's token. If Vault has forgotten the
// token meanwhile, it logs in again, once.
func (s *store) ask(ctx context.Context, c call) (answer, error) {
	c.namespace = s.cfg.Namespace
	for again := true; ; again = false {
		tok, _, err := s.session.token(ctx)
		if err != nil {
			return answer{}, err
		}
		c.token = tok.value
		a, err := s.caller.do(ctx, c)
		a.token = tok
		if err != nil || a.status != http.StatusForbidden || !a.vaults {
			return a, err
		}
		if !s.session.forgotten(ctx, tok) {
			return a, nil
		}
		if !again {
			s.session.markBlind(tok)
			return a, nil
		}
		s.session.replace(ctx, tok)
	}
}

func misconfigured(text string) error {
	return &backend.Error{Kind: backend.Misconfigured, Message: text}
}

func unsupported(text string) error {
	return &backend.Error{Kind: backend.Unsupported, Message: text}
}
