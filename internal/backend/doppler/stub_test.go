package doppler

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// patience is that of tests, on machines that are busy.
const patience = 2 * time.Minute

// canary is a value, never to be seen in an error.
const canary = "canary-7c1e"

// stub is a server with the part of Doppler's API that is used, on a clock
// that the test moves.
type stub struct {
	URL string

	mu     sync.Mutex
	now    time.Time
	tokens map[string]time.Time // when each ends; zero: never
	etag   string
	plain  string // the config as it is kept
	// calls are what was asked for, in order: "GET names".
	calls []string
	// queries and etags are what downloads asked with.
	queries []url.Values
	etags   []string
	logins  []map[string]string
	// How it behaves from now on.
	life    time.Duration
	skew    time.Duration    // of its clock
	answer  http.HandlerFunc // in place of its own
	inLogin chan struct{}    // if set, a log-in waits here
	atLogin chan struct{}    // tells that one does
}

const (
	login    = "POST auth/oidc"
	revoke   = "POST auth/revoke"
	names    = "GET configs/config/secrets/names"
	download = "GET configs/config/secrets/download"
	account  = "tacit-account"
)

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{
		now: time.Unix(1_700_000_000, 0).UTC(), life: time.Hour, etag: `W/"one"`, atLogin: make(chan struct{}, 1),
		tokens: map[string]time.Time{"dp.st.prd.good": {}},
		plain:  `{"DB_URL":"` + canary + `","AB":"plain","DOPPLER_PROJECT":"api","DOPPLER_CONFIG":"prd"}`,
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// set changes the stub's behaviour.
func (s *stub) set(change func(*stub)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *stub) pass(d time.Duration) { s.set(func(s *stub) { s.now = s.now.Add(d) }) }

func (s *stub) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

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

func (s *stub) wantCounts(t *testing.T, want map[string]int) {
	t.Helper()
	for call, n := range want {
		if got := s.count(call); got != n {
			t.Errorf("%s: %d times, want %d", call, got, n)
		}
	}
}

// say answers with a status, a body and headers.
func say(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// fail answers with an error as Doppler words it.
func fail(status int, message string) http.HandlerFunc {
	body, _ := json.Marshal(map[string]any{"messages": []string{message}, "success": false})
	return say(status, string(body), "Content-Type", "application/json")
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v3/")
	s.mu.Lock()
	s.calls = append(s.calls, call)
	wait := s.inLogin
	s.mu.Unlock()
	if call == login && wait != nil {
		s.atLogin <- struct{}{}
		<-wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.now.Add(s.skew).Format(http.TimeFormat))
	s.reply(call, r)(w, r)
}

func (s *stub) reply(call string, r *http.Request) http.HandlerFunc {
	var body map[string]string
	_ = json.NewDecoder(r.Body).Decode(&body)
	if s.answer != nil && call != revoke {
		return s.answer
	}
	token, password, _ := r.BasicAuth()
	ends, known := s.tokens[token]
	switch {
	case call == login:
		return s.exchange(body)
	case call == revoke && s.tokens[body["token"]].IsZero():
		return fail(400, "Could not find requested token")
	case call == revoke:
		delete(s.tokens, body["token"])
		return say(204, "")
	case !known || password != "" || (!ends.IsZero() && !s.now.Before(ends)):
		return fail(401, "Invalid Auth token")
	case call == names:
		return say(200, `{"names":["DB_URL"],"success":true}`)
	case call == download:
		return s.download(r)
	}
	return fail(404, "Could not find requested page")
}

func (s *stub) exchange(body map[string]string) http.HandlerFunc {
	s.logins = append(s.logins, body)
	token := "dp.said." + strconv.Itoa(len(s.calls))
	s.tokens[token] = s.now.Add(s.life)
	text, _ := json.Marshal(map[string]any{
		"success": true, "token": token, "expires_at": s.now.Add(s.skew).Add(s.life).Format("2006-01-02T15:04:05.000Z"),
	})
	return say(200, string(text))
}

func (s *stub) download(r *http.Request) http.HandlerFunc {
	q := r.URL.Query()
	s.queries = append(s.queries, q)
	s.etags = append(s.etags, r.Header.Get("If-None-Match"))
	etag := strings.TrimSuffix(s.etag, `"`) + q.Get("format") + q.Get("name_transformer") + `"`
	if r.Header.Get("If-None-Match") == etag {
		return say(304, "", "ETag", etag)
	}
	body := s.plain
	switch {
	case q.Get("format") == "env":
		body = `DB_URL="` + canary + `"`
	case q.Get("name_transformer") == "upper-camel":
		body = `{"DbUrl":"` + canary + `","AB":"of A_B","DopplerProject":"api"}`
	}
	return say(200, body, "ETag", etag)
}

// creds resolves credentials by their keys, as those of one Secret, and
// remembers what was asked of service accounts.
type creds struct {
	mu    sync.Mutex
	keys  map[string]string
	err   error
	asked []delivery.Credential
}

func (c *creds) Resolve(_ context.Context, ref delivery.Credential) (secret.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return secret.Value{}, c.err
	}
	if ref.Kind == delivery.FromServiceAccount {
		c.asked = append(c.asked, ref)
		return secret.NewString("jwt-" + strconv.Itoa(len(c.asked))), nil
	}
	v, ok := c.keys[ref.Key]
	if !ok {
		return secret.Value{}, &backend.Error{Kind: backend.Misconfigured, Message: "no key " + ref.Key, Err: backend.ErrNoKey}
	}
	return secret.NewString(v), nil
}

func (c *creds) set(keys map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// goodToken is the Secret of a service token.
func goodToken() *creds { return &creds{keys: map[string]string{"serviceToken": "dp.st.prd.good\n"}} }

// byToken, byIdentity and either are ways to be let in.
func byToken() delivery.DopplerAuth { return delivery.DopplerAuth{Token: key("serviceToken")} }

func byIdentity() delivery.DopplerAuth {
	return delivery.DopplerAuth{Identity: "id-1", Account: delivery.Credential{Kind: delivery.FromServiceAccount, Name: account}}
}

func either() delivery.DopplerAuth {
	return delivery.DopplerAuth{
		Token: key("serviceToken"), IdentityFrom: key("identity"), ExpiryFrom: key("expirationSeconds"),
		Account: delivery.Credential{Kind: delivery.FromServiceAccount, Name: account, Audiences: []string{"dopplerTokenSecret:team:doppler"}},
	}
}

func key(name string) delivery.Credential {
	return delivery.Credential{Kind: delivery.FromSecret, Namespace: "team", Name: "doppler", Key: name}
}

// openWith opens a session on the stub's clock.
func (s *stub) openWith(t *testing.T, cfg delivery.DopplerConfig, c backend.Credentials) *store {
	t.Helper()
	cfg.Host = s.URL
	b, err := NewOpener(Options{Hosts: []string{"127.0.0.1"}})(t.Context(), cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	st := b.(*store)
	st.caller.now, st.caller.patience = s.clock, patience
	t.Cleanup(st.caller.wire.Close)
	return st
}

// open opens a session with a service token.
func (s *stub) open(t *testing.T) *store {
	t.Helper()
	return s.openWith(t, delivery.DopplerConfig{Project: "api", Config: "prd", Auth: byToken()}, goodToken())
}

func mustRead(t *testing.T, b backend.Backend, ref backend.Ref) backend.Document {
	t.Helper()
	doc, err := b.Read(t.Context(), ref)
	if err != nil {
		t.Fatalf("Read(%+v): %v", ref, err)
	}
	return doc
}
