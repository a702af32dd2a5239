package vault_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// toWrite is what the tests write.
var toWrite = secret.Data{"user": secret.NewString("app"), "password": secret.NewString(canary)}

// wholePaths opens a store of whole paths with a token of that policy.
func wholePaths(t *testing.T, v *testkit.Vault, rules string) backend.Backend {
	t.Helper()
	value, err := v.Token(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, delivery.VaultConfig{Server: v.Addr, Auth: token()}, backendtest.Credentials{"token": value})
}

func TestTheEngineTellsHowItIsWrittenTo(t *testing.T) {
	t.Parallel()
	v := testkit.SharedVault(t)
	for mount, kv2 := range map[string]bool{
		"secret/data/":            true,
		"secret/data/blind/":      true, // where Vault does not tell about its mounts
		"kv1/":                    false,
		"kv1/data/":               false, // version 1, below a folder of that name
		"kv1/blind/data/deep-in/": false,
	} {
		t.Run(mount, func(t *testing.T) {
			t.Parallel()
			path := mount + strings.ToLower(rand.Text())
			rules := testkit.ReadWrite(path)
			if strings.Contains(mount, "blind") {
				rules += `path "sys/internal/ui/mounts/*" { capabilities = ["deny"] }`
			}
			b := wholePaths(t, v, rules)
			for i, want := range []bool{true, false} {
				changed, err := b.(backend.Writer).Write(t.Context(), "/"+path, toWrite)
				if err != nil || changed != want {
					t.Errorf("write %d: changed %v, %v", i+1, changed, err)
				}
			}
			got, err := v.Admin.Logical().ReadWithContext(t.Context(), path)
			if err != nil || got == nil {
				t.Fatalf("%v, %v", got, err)
			}
			data := got.Data
			if kv2 {
				data, _ = data["data"].(map[string]any)
			}
			if want := map[string]any{"user": "app", "password": canary}; !maps.Equal(data, want) {
				t.Errorf("there are %d fields, want the 2 that were written", len(data))
			}
		})
	}
}

func TestANewVersionOnlyForAChange(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	e.put(t, "db", backendtest.Item{Fields: map[string]string{"user": "app", "password": canary}})
	b := open(t, e.config(), e.approle(t))
	version := func() string {
		doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
		if err != nil {
			t.Fatal(err)
		}
		return doc.Version
	}
	write := func(d secret.Data, changed bool, want string) {
		t.Helper()
		got, err := b.(backend.Writer).Write(t.Context(), "db", d)
		if err != nil || got != changed || version() != want {
			t.Errorf("changed %v, %v, version %s; want %v and version %s", got, err, version(), changed, want)
		}
	}
	write(toWrite, false, "1")
	write(secret.Data{"user": secret.NewString("app")}, true, "2")
	// What is no text there is not the same as its JSON.
	e.write(t, e.path("data", "db"), map[string]any{"data": map[string]any{"n": 1, "z": nil}})
	write(secret.Data{"n": secret.NewString("1"), "z": secret.NewString("")}, true, "4")
	e.softDelete(t, "db")
	if changed, err := b.(backend.Writer).Write(t.Context(), "db", toWrite); err != nil || !changed || version() != "5" {
		t.Errorf("over a deleted version: changed %v, %v, version %s", changed, err, version())
	}
}

// rivalry is a way to an engine on which a rival writes first, once.
func rivalry(t *testing.T, e kvEngine) *httptest.Server {
	t.Helper()
	target, err := url.Parse(e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	var came atomic.Bool
	theirs := map[string]any{"data": map[string]any{"by": "rival"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/data/db") && r.Method == http.MethodPost && !came.Swap(true) {
			if _, err := e.Admin.Logical().WriteWithContext(r.Context(), e.path("data", "db"), theirs); err != nil {
				t.Error(err)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestAConcurrentWriterIsNotOverwrittenBlindly(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"nothing", "a version"} {
		e := newEngine(t, 2)
		if before != "nothing" {
			e.put(t, "db", backendtest.Item{Fields: map[string]string{"by": "old"}})
		}
		cfg, creds := e.config(), e.approle(t)
		cfg.Server = rivalry(t, e).URL
		b := open(t, cfg, creds)
		changed, err := b.(backend.Writer).Write(t.Context(), "db", toWrite)
		if err == nil || backend.KindOf(err) != backend.Unavailable {
			t.Errorf("over %s: changed %v, %v; want Unavailable", before, changed, err)
		}
		doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
		if err != nil || string(doc.Value.Reveal()) != `{"by":"rival"}` {
			t.Errorf("over %s: the rival's version is gone, %v", before, err)
		}
	}
	// The broker compares anew.
	e := newEngine(t, 2)
	cfg, creds := e.config(), e.approle(t)
	cfg.Server = rivalry(t, e).URL
	st := &delivery.Store{Ref: delivery.StoreRef{Kind: "SecretMirror", Namespace: "ns", Name: "digest"}, Config: cfg}
	changed, err := brokered(creds).Write(t.Context(), st, "ns", "db", toWrite)
	if err != nil || !changed {
		t.Errorf("through the broker: changed %v, %v", changed, err)
	}
	doc, err := open(t, e.config(), creds).Read(t.Context(), backend.Ref{Key: "db"})
	if err != nil || doc.Version != "2" {
		t.Errorf("through the broker: version %q, %v; want ours after the rival's", doc.Version, err)
	}
}

func TestWhatIsLentIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	v, err := testkit.StartVault(t.Context(), testkit.VaultOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	d := newDatabase(t, v, "1h")
	_, err = open(t, d.config(), d.creds).(backend.Writer).Write(t.Context(), d.key, toWrite)
	if err == nil || backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("got %v, want Misconfigured", err)
	}
	testkit.Eventually(t, eventually, func() error { return noUsers(t, d) })
}

func TestBadAnswersToAWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kv      int // 1: as every engine but KV version 2
		handler http.HandlerFunc
		want    backend.Kind // empty: success
		says    string
	}{
		"written":           {2, say(200, `{"request_id":"x","data":{"version":8}}`), "", ""},
		"no content":        {1, say(204, ``), "", ""},
		"with a warning":    {1, say(200, `{"request_id":"x","warnings":["w"]}`), "", ""},
		"garbage":           {0, say(200, canary+"{{{"), backend.Malformed, ""},
		"empty":             {0, say(200, ""), backend.Malformed, ""},
		"HTML":              {0, say(200, "<html>"+canary), backend.Malformed, ""},
		"no version":        {2, say(200, `{"request_id":"x","data":{"v":"`+canary+`"}}`), backend.Malformed, ""},
		"empty object":      {0, say(200, `{}`), backend.Malformed, ""},
		"cut":               {0, cut, backend.Malformed, "cut off"},
		"denied":            {0, say(403, `{"errors":["permission denied"]}`), backend.Refused, "permission denied"},
		"denied by a proxy": {0, say(403, canary), backend.Refused, "not in Vault's form"},
		"throttled":         {0, say(429, `{"errors":["quota"]}`, "Retry-After", "9"), backend.Throttled, "quota"},
		"conflict":          {2, say(400, `{"errors":["check-and-set parameter did not match the current version"]}`), backend.Unavailable, "somebody else"},
		"bad request":       {0, say(400, `{"errors":["no such field"]}`), backend.Misconfigured, "no such field"},
		"quoting a value":   {0, say(400, `{"errors":["cannot parse '`+canary+`'"]}`), backend.Misconfigured, "is not shown"},
		"no such path":      {0, say(404, `{"errors":[]}`), backend.Misconfigured, ""},
		"not writable":      {0, say(405, `{"errors":["unsupported operation"]}`), backend.Misconfigured, "unsupported operation"},
		"internal error":    {0, say(500, `{"errors":["internal error"]}`), backend.Unavailable, "internal error"},
		"bad gateway":       {0, say(502, canary), backend.Unavailable, "HTTP 502"},
		"sealed":            {0, say(503, `{"errors":["Vault is sealed"]}`), backend.Unavailable, "sealed"},
	} {
		for kv, before := range map[int]string{
			1: `{"data":{"user":"old"}}`,
			2: `{"data":{"data":{"user":"old"},"metadata":{"version":7}}}`,
		} {
			if c.kv != 0 && c.kv != kv {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				server := answering(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						say(200, before)(w, r)
					} else {
						c.handler(w, r)
					}
				})
				b := open(t, at(server, kv), backendtest.Credentials{"token": "hvs.x"})
				changed, err := b.(backend.Writer).Write(t.Context(), "db", toWrite)
				wantOutcome(t, err, c.want, c.says)
				if err == nil && !changed {
					t.Error("it does not say that it wrote")
				}
			})
		}
	}
}

// wantOutcome checks an error's kind and words, or that there is none.
func wantOutcome(t *testing.T, err error, want backend.Kind, says string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want one of kind %q", want)
	case err != nil && (want == "" || backend.KindOf(err) != want):
		t.Errorf("%q is of kind %q, want %q", err, backend.KindOf(err), want)
	case err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), canary)):
		t.Errorf("%q should say %q, and quote no value", err, says)
	}
}

func TestNothingIsWrittenWithoutKnowingWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    backend.Kind
	}{
		"garbage":            {say(200, canary+"{{{"), backend.Malformed},
		"empty":              {say(200, ""), backend.Malformed},
		"data is text":       {say(200, `{"data":"`+canary+`"}`), backend.Malformed},
		"cut":                {cut, backend.Malformed},
		"HTML 404":           {say(404, "<html>"+canary), backend.Malformed},
		"denied":             {say(403, `{"errors":["permission denied"]}`), backend.Refused},
		"throttled":          {say(429, `{"errors":[]}`), backend.Throttled},
		"sealed":             {say(503, `{"errors":["Vault is sealed"]}`), backend.Unavailable},
		"no route":           {say(404, `{"errors":["no handler for route"]}`), backend.Misconfigured},
		"path without data/": {say(404, `{"request_id":"x","warnings":["Invalid path for a versioned K/V secrets engine."]}`), backend.Misconfigured},
	} {
		for kv, key := range map[int]string{0: "secret/data/db", 1: "db", 2: "db"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var writes atomic.Int32
				server := answering(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodGet {
						writes.Add(1)
					}
					c.handler(w, r)
				})
				cfg := at(server, kv)
				if kv == 0 {
					cfg.Mount = ""
				}
				b := open(t, cfg, backendtest.Credentials{"token": "hvs.x"})
				_, err := b.(backend.Writer).Write(t.Context(), key, toWrite)
				wantOutcome(t, err, c.want, "")
				if n := writes.Load(); n > 0 {
					t.Errorf("%d writes", n)
				}
			})
		}
	}
}

func TestAStoreOfTheWrongVersionIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	for kv, real := range map[int]int{1: 2, 2: 1} {
		e := newEngine(t, real)
		cfg := e.config()
		cfg.KV = kv
		for _, key := range []string{"new", "data/old"} {
			_, err := open(t, cfg, e.approle(t)).(backend.Writer).Write(t.Context(), key, toWrite)
			if err == nil || backend.KindOf(err) != backend.Misconfigured {
				t.Errorf("version %d on an engine of version %d, %s: %v, want Misconfigured", kv, real, key, err)
			}
		}
	}
}
