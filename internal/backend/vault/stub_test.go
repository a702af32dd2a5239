package vault

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// stub is a server with Vault's tokens and one secret, on a clock that the
// test moves.
type stub struct {
	URL string

	mu     sync.Mutex
	now    time.Time
	runs   bool // the clock is the test's own, and runs by itself
	tokens map[string]*stubToken
	// calls are what was asked for, in order: "POST auth/approle/login".
	calls []string
	// How it behaves from now on.
	ttl       time.Duration // of the tokens that it issues
	renewTo   time.Duration // what a renewal gives that asks for no time
	max       time.Duration // that a token lives at most; 0: without end
	period    bool          // renewals give renewTo whatever they ask for
	noRenew   bool          // renewals are denied
	noLogin   int           // status of log-ins; 0: they work
	noLookup  bool          // a policy forbids lookup-self
	deny      bool          // a policy forbids the read
	batch     bool
	inLogin   chan struct{}     // if set, a log-in waits here
	atLogin   chan struct{}     // tells that one does
	renewals  int               // status of renewals; 0: they work
	leases    map[string]string // by name: the token that took it out
	namespace map[string]string
}

type stubToken struct {
	ends time.Time
	last time.Time // zero: it may be renewed without end
	// fixed: it cannot be renewed; renewed: it was.
	fixed, renewed bool
}

// asked is what a request says.
type asked struct {
	Increment int    `json:"increment"`
	Lease     string `json:"lease_id"`
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{
		now: time.Unix(1_700_000_000, 0), ttl: 60 * time.Minute, renewTo: 60 * time.Minute,
		tokens: map[string]*stubToken{}, namespace: map[string]string{}, leases: map[string]string{}, atLogin: make(chan struct{}, 1),
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// open opens a session with an AppRole, or with a user's token if given.
func (s *stub) open(t *testing.T, userToken string) *store {
	t.Helper()
	cfg := delivery.VaultConfig{Server: s.URL, Mount: "secret", KV: 2}
	secret := func(name string) delivery.Credential {
		return delivery.Credential{Kind: delivery.FromSecret, Name: name}
	}
	if userToken != "" {
		c := secret("token")
		cfg.Auth.Token = &c
	} else {
		cfg.Auth.AppRole = &delivery.VaultAppRole{Mount: "approle", RoleID: "role-1", SecretID: secret("secret")}
	}
	return s.openConfig(t, cfg, backendtest.Credentials{"token": userToken, "secret": "secret-1"})
}

func (s *stub) openConfig(t *testing.T, cfg delivery.VaultConfig, creds backend.Credentials) *store {
	t.Helper()
	b, err := Open(t.Context(), cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	st := b.(*store)
	st.caller.now = s.clock
	t.Cleanup(st.caller.wire.Close)
	return st
}

func (s *stub) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return s.now
}

// turn sets the clock. s.mu is held.
func (s *stub) turn() {
	if s.runs {
		s.now = time.Now()
	}
}

// set changes the stub's behaviour.
func (s *stub) set(change func(*stub)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *stub) pass(d time.Duration) { s.set(func(s *stub) { s.now = s.now.Add(d) }) }

// revokeAll forgets every token.
func (s *stub) revokeAll() { s.set(func(s *stub) { s.tokens = map[string]*stubToken{} }) }

// count is how often a call was made.
func (s *stub) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n
}

const (
	login  = "POST auth/approle/login"
	lookup = "GET auth/token/lookup-self"
	renew  = "POST auth/token/renew-self"
	revoke = "POST auth/token/revoke-self"
	get    = "GET secret/data/db"
	creds  = "GET database/creds/app"

	renewLease = "PUT sys/leases/renew"
)

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1/")
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.namespace[call] = r.Header.Get("X-Vault-Namespace")
	wait := s.inLogin
	s.mu.Unlock()
	if call == login && wait != nil {
		s.atLogin <- struct{}{}
		<-wait
	}
	var body asked
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	status, answer := s.answer(call, r.Header.Get("X-Vault-Token"), body)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *stub) answer(call, token string, body asked) (int, any) {
	denied := map[string]any{"errors": []string{"permission denied"}}
	if call == login {
		if s.noLogin != 0 {
			return s.noLogin, map[string]any{"errors": []string{"invalid role or secret ID"}}
		}
		value := "hvs.token-" + strconv.Itoa(len(s.calls))
		s.tokens[value] = &stubToken{ends: s.now.Add(s.ttl)}
		if s.max > 0 {
			s.tokens[value].last = s.now.Add(s.max)
		}
		return 200, s.auth(value, s.ttl)
	}
	known := s.tokens[token]
	if known == nil || !s.now.Before(known.ends) {
		return 403, denied
	}
	left := known.ends.Sub(s.now)
	switch call {
	case lookup:
		if s.noLookup {
			return 403, denied
		}
		data := map[string]any{"ttl": int(left / time.Second), "expire_time": known.ends, "renewable": !known.fixed}
		if known.renewed {
			data["last_renewal_time"] = s.now.Unix()
		}
		return 200, map[string]any{"data": data}
	case renew:
		if s.renewals != 0 {
			return s.renewals, map[string]any{"errors": []string{"internal error"}}
		}
		if s.noRenew {
			return 403, denied
		}
		grant := s.renewTo
		if body.Increment > 0 && !s.period {
			grant = time.Duration(body.Increment) * time.Second
		}
		if !known.last.IsZero() {
			grant = min(grant, known.last.Sub(s.now).Truncate(time.Second))
		}
		known.ends, known.renewed = s.now.Add(grant), true
		return 200, s.auth(token, grant)
	case revoke:
		delete(s.tokens, token)
		return 204, nil
	case creds:
		id := "database/creds/app/" + strconv.Itoa(len(s.calls))
		s.leases[id] = token
		return 200, map[string]any{
			"lease_id": id, "lease_duration": 3600, "renewable": true, "data": map[string]string{"username": id},
		}
	case renewLease:
		if !s.good(body.Lease) {
			return 400, map[string]any{"errors": []string{"lease not found"}}
		}
		return 200, map[string]any{"lease_id": body.Lease, "lease_duration": body.Increment, "renewable": true}
	case get:
		if s.deny {
			return 403, denied
		}
		return 200, map[string]any{"data": map[string]any{
			"data": map[string]string{"user": "app"}, "metadata": map[string]any{"version": 3, "deletion_time": ""},
		}}
	}
	return 404, map[string]any{"errors": []string{}}
}

// good reports that the token which a lease hangs on is. s.mu is held.
func (s *stub) good(lease string) bool {
	known := s.tokens[s.leases[lease]]
	return known != nil && s.now.Before(known.ends)
}

func (s *stub) auth(value string, ttl time.Duration) any {
	kind := "service"
	if s.batch {
		kind = "batch"
	}
	return map[string]any{"auth": map[string]any{
		"client_token": value, "lease_duration": int(ttl / time.Second), "renewable": !s.batch, "token_type": kind,
	}}
}
