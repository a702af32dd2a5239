package vault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/vault"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// canary stands in every body that is not in Vault's form; no error may
// quote it.
const canary = "canary-4c1d"

// answering is a server that accepts every token and answers reads with f.
func answering(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/auth/token/lookup-self" {
			_, _ = w.Write([]byte(`{"data":{"ttl":0,"expire_time":null,"renewable":false}}`))
			return
		}
		f(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func at(server *httptest.Server, kv int) delivery.VaultConfig {
	return delivery.VaultConfig{Server: server.URL, Mount: "secret", KV: kv, Auth: token()}
}

func say(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/sys/internal/ui/mounts/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"data":{"data":{"a":"` + canary))
}

func TestAnswersAreSorted(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for name, c := range map[string]struct {
		kv      int // 0: both
		handler http.HandlerFunc
		want    backend.Kind
		says    string
	}{
		"absent":               {0, say(404, `{"errors":[]}`), backend.NotFound, "does not exist"},
		"deleted":              {2, say(404, `{"request_id":"x","data":{"data":null,"metadata":{"deletion_time":"2024-01-01T00:00:00Z","destroyed":false,"version":1}}}`), backend.NotFound, "deleted"},
		"destroyed":            {2, say(404, `{"data":{"data":null,"metadata":{"deletion_time":"","destroyed":true,"version":1}}}`), backend.NotFound, "deleted"},
		"deleted with 200":     {2, say(200, `{"data":{"data":null,"metadata":{"deletion_time":"2024-01-01T00:00:00Z"}}}`), backend.NotFound, "deleted"},
		"no data with 200":     {2, say(200, `{"data":{"data":null,"metadata":{"deletion_time":"","version":1}}}`), backend.Malformed, ""},
		"no route":             {0, say(404, `{"errors":["no handler for route \"x\". route entry not found."]}`), backend.Misconfigured, "no handler for route"},
		"no mount":             {0, say(404, `{"errors":["no secret engine mount at x/"]}`), backend.Misconfigured, "no secret engine mount"},
		"version 2, not 1":     {1, say(404, `{"request_id":"x","data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs."]}`), backend.Misconfigured, "version 2"},
		"HTML 404":             {0, say(404, "<html>"+canary+"</html>"), backend.Malformed, "HTTP 404"},
		"empty 404":            {0, say(404, ""), backend.Malformed, ""},
		"other JSON 404":       {0, say(404, `{"message":"`+canary+`"}`), backend.Malformed, ""},
		"404 with more":        {0, say(404, `{"errors":[],"data":{"x":"`+canary+`"}}`), backend.Misconfigured, ""},
		"404 with null errors": {0, say(404, `{"errors":null}`), backend.Malformed, ""},
		"404 with odd errors":  {0, say(404, `{"errors":[{"x":"`+canary+`"}]}`), backend.Malformed, ""},
		"array 404":            {0, say(404, `[]`), backend.Malformed, ""},
		"denied":               {0, say(403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), backend.Refused, "permission denied"},
		"denied by a proxy":    {0, say(403, "<html>"+canary), backend.Refused, "not in Vault's form"},
		"sealed":               {0, say(503, `{"errors":["Vault is sealed"]}`), backend.Unavailable, "Vault is sealed"},
		"unavailable":          {0, say(503, canary), backend.Unavailable, ""},
		"internal error":       {0, say(500, `{"errors":["internal error"]}`), backend.Unavailable, "internal error"},
		"bad gateway":          {0, say(502, "<html>"+canary), backend.Unavailable, "HTTP 502"},
		"not caught up":        {0, say(412, `{"errors":["required index state not present"]}`), backend.Unavailable, ""},
		"standby":              {0, say(473, ``), backend.Unavailable, ""},
		"throttled":            {0, say(429, `{"errors":["request path kv/: rate limit quota exceeded"]}`), backend.Throttled, "quota"},
		"throttled, seconds":   {0, say(429, `{"errors":[]}`, "Retry-After", "7"), backend.Throttled, ""},
		"throttled, date":      {0, say(429, canary, "Retry-After", later), backend.Throttled, ""},
		"bad request":          {0, say(400, `{"errors":["bad"]}`), backend.Misconfigured, "bad"},
		"garbage":              {0, say(200, canary+"{{{"), backend.Malformed, ""},
		"empty":                {0, say(200, ""), backend.Malformed, ""},
		"no content":           {0, say(204, ""), backend.Malformed, ""},
		"HTML":                 {0, say(200, "<html>"+canary+"</html>"), backend.Malformed, ""},
		"JSON null":            {0, say(200, "null"), backend.Malformed, ""},
		"data is text":         {0, say(200, `{"data":"`+canary+`"}`), backend.Malformed, ""},
		"data is a list":       {0, say(200, `{"data":{"data":["`+canary+`"],"metadata":{"version":1}}}`), backend.Malformed, ""},
		"cut inside JSON":      {0, say(200, `{"data":{"data":{"a":"`+canary), backend.Malformed, ""},
		"cut off":              {0, cut, backend.Malformed, "cut off"},
		"too long":             {0, say(200, strings.Repeat(canary, 500_000)), backend.Malformed, "4 MiB"},
	} {
		for _, kv := range []int{1, 2} {
			if c.kv != 0 && c.kv != kv || name == "data is a list" && kv == 1 {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := open(t, at(answering(t, c.handler), kv), backendtest.Credentials{"token": "hvs.x"})
				defer func() { _ = b.Close(context.Background()) }()
				doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
				if err == nil {
					t.Fatalf("no error but %v", doc)
				}
				if got := backend.KindOf(err); got != c.want {
					t.Errorf("%q is of kind %q, want %q", err, got, c.want)
				}
				if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
					t.Errorf("%q should say %q, and not quote the body", err, c.says)
				}
			})
		}
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	const data = `{"n":12345678901234567890, "f":1.10,"e":1e400 , "z":"\u003c","a":{"b":[null]}}`
	for kv, body := range map[int]string{
		1: `{"data":` + data + `}`,
		2: `{"data":{"data":` + data + `,"metadata":{"version":12}}}`,
	} {
		b := open(t, at(answering(t, say(200, body)), kv), backendtest.Credentials{"token": "hvs.x"})
		doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
		if err != nil || string(doc.Value.Reveal()) != data {
			t.Errorf("version %d: %s, %v", kv, doc.Value.Reveal(), err)
		}
	}
}

func TestRetryAfterIsPassedOn(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for text, want := range map[string]time.Duration{
		"7":       7 * time.Second,
		"":        0,
		"soon":    0,
		"9999999": 24 * time.Hour,
		time.Now().Add(90 * time.Minute).UTC().Format(http.TimeFormat): 90 * time.Minute,
	} {
		for _, status := range []int{429, 503} {
			b := open(t, at(answering(t, say(status, `{"errors":[]}`, "Retry-After", text)), 2), backendtest.Credentials{"token": "hvs.x"})
			_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
			var e *backend.Error
			late := time.Second + time.Since(began) // of a date, which has whole seconds
			if !errors.As(err, &e) || e.RetryAfter > want || e.RetryAfter < want-late {
				t.Errorf("Retry-After %q with %d: %v, want %v", text, status, err, want)
			}
		}
	}
}

func TestRedirectsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host got a request with token %q", r.Header.Get("X-Vault-Token"))
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/v1/secret/data/db", status)
		})
		b := open(t, at(server, 2), backendtest.Credentials{"token": "hvs.x"})
		_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
		if backend.KindOf(err) != backend.Misconfigured || !strings.Contains(err.Error(), "another host") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestSlowAnswerEndsWithTheCallersContext(t *testing.T) {
	t.Parallel()
	arrived, gone := make(chan struct{}, 2), make(chan struct{}, 2)
	server := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	})
	b := open(t, at(server, 2), backendtest.Credentials{"token": "hvs.x"})
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := b.Read(ctx, backend.Ref{Key: "db"}); !errors.Is(err, context.Canceled) || backend.KindOf(err) != backend.Unavailable {
		t.Errorf("cancelled: %v", err)
	}
	<-gone
	// This may be over before the server has heard of it.
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Read(ctx, backend.Ref{Key: "db"}); !errors.Is(err, context.DeadlineExceeded) || backend.KindOf(err) != backend.Unavailable {
		t.Errorf("too late: %v", err)
	}
}

func TestVaultThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	// Not a port that another might get meanwhile.
	b := open(t, at(&httptest.Server{URL: "http://127.0.0.1:1"}, 2), backendtest.Credentials{"token": "hvs.x"})
	err := b.Check(t.Context())
	if backend.KindOf(err) != backend.Unavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestVaultsWordsAreMaskedAndBounded(t *testing.T) {
	t.Parallel()
	const secret = "hvs.own-token-1234"
	words := `no \"` + secret + `\" for you ` + strings.Repeat("long ", 100)
	b := open(t, at(answering(t, say(400, `{"errors":["`+words+`"]}`)), 2), backendtest.Credentials{"token": secret})
	_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), `no "[redacted]" for you`) {
		t.Errorf("got %v", err)
	}
	if len(err.Error()) > 400 {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := delivery.VaultConfig{Server: "https://vault:8200", Mount: "secret", KV: 2, Auth: token()}
	c := cred("token")
	for name, change := range map[string]func(*delivery.VaultConfig){
		"no address":       func(c *delivery.VaultConfig) { c.Server = "" },
		"no scheme":        func(c *delivery.VaultConfig) { c.Server = "vault:8200" },
		"another scheme":   func(c *delivery.VaultConfig) { c.Server = "file:///etc/" + canary },
		"password":         func(c *delivery.VaultConfig) { c.Server = "https://u:" + canary + "@vault" },
		"control":          func(c *delivery.VaultConfig) { c.Server = "https://vault/\x01" + canary },
		"no version":       func(c *delivery.VaultConfig) { c.KV = 3 },
		"climbing mount":   func(c *delivery.VaultConfig) { c.Mount = "a/../../sys" },
		"no auth":          func(c *delivery.VaultConfig) { c.Auth = delivery.VaultAuth{} },
		"two auths":        func(v *delivery.VaultConfig) { v.Auth.JWT = &delivery.VaultJWT{Mount: "jwt", Token: c} },
		"CA not PEM":       func(c *delivery.VaultConfig) { c.CABundle = []byte(canary) },
		"CA credential":    func(c *delivery.VaultConfig) { c.CA = cred("canary") },
		"CA missing":       func(c *delivery.VaultConfig) { c.CA = cred("nowhere") },
		"cert without key": func(c *delivery.VaultConfig) { c.ClientCert = cred("canary") },
		"no pair": func(c *delivery.VaultConfig) {
			c.ClientCert, c.ClientKey = cred("canary"), cred("canary")
		},
		"header with a newline": func(c *delivery.VaultConfig) { c.Headers = map[string]string{"X": canary + "\r\nY: z"} },
	} {
		cfg := good
		change(&cfg)
		_, err := vault.Open(t.Context(), cfg, backendtest.Credentials{"token": "x", "canary": canary})
		if backend.KindOf(err) != backend.Misconfigured {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error quotes the configuration: %v", name, err)
		}
	}
	if _, err := vault.Open(t.Context(), good, nil); err != nil {
		t.Errorf("what can work: %v", err)
	}
	if _, err := vault.Open(t.Context(), delivery.FakeConfig{}, nil); backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("another backend's config: %v", err)
	}
}

func TestUnusableCredentialsAreNotQuoted(t *testing.T) {
	t.Parallel()
	server := answering(t, say(200, "{}"))
	for _, value := range []string{"", " \n", canary + "\x00", canary + "\nb"} {
		b := open(t, at(server, 2), backendtest.Credentials{"token": value})
		err := b.Check(t.Context())
		if backend.KindOf(err) != backend.Misconfigured || strings.Contains(err.Error(), canary) {
			t.Errorf("token %q: %v", value, err)
		}
	}
}
