package vault_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// value reads a secret as text.
func value(t *testing.T, b backend.Backend, key string) string {
	t.Helper()
	doc, err := b.Read(t.Context(), backend.Ref{Key: key})
	if err != nil {
		t.Fatalf("Read(%s): %v", key, err)
	}
	return string(doc.Value.Reveal())
}

func rooted(t *testing.T, e kvEngine, change func(*delivery.VaultConfig)) backend.Backend {
	t.Helper()
	cfg := e.config()
	cfg.Auth = token()
	if change != nil {
		change(&cfg)
	}
	return open(t, cfg, backendtest.Credentials{"token": e.RootToken})
}

func TestValueIsJSONAsVaultWroteIt(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	e.write(t, e.path("data", "n"), map[string]any{"data": map[string]any{
		"big": 123456789012, "frac": 1.5, "html": "<&>", "nested": map[string]any{"a": []int{1}},
	}})
	const want = `{"big":123456789012,"frac":1.5,"html":"\u003c\u0026\u003e","nested":{"a":[1]}}`
	if got := value(t, rooted(t, e, nil), "n"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDestroyedVersionDoesNotExist(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	e.put(t, "db", backendtest.Item{Fields: map[string]string{"v": "1"}})
	e.put(t, "db", backendtest.Item{Fields: map[string]string{"v": "2"}})
	e.write(t, e.path("destroy", "db"), map[string]any{"versions": []int{2}})
	b := rooted(t, e, nil)
	_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
	if backend.KindOf(err) != backend.NotFound || err == nil {
		t.Errorf("the destroyed version: %v", err)
	}
	if doc, err := b.Read(t.Context(), backend.Ref{Key: "db", Version: "1"}); err != nil || doc.Version != "1" {
		t.Errorf("the version before: %v, %v", doc, err)
	}
	if _, err := b.Read(t.Context(), backend.Ref{Key: "db", Metadata: true}); err != nil {
		t.Errorf("its metadata: %v", err)
	}
}

func TestWrongMountsAreNoAbsence(t *testing.T) {
	t.Parallel()
	one, two := newEngine(t, 1), newEngine(t, 2)
	for name, c := range map[string]struct {
		engine kvEngine
		change func(*delivery.VaultConfig)
	}{
		"no such mount":                {two, func(c *delivery.VaultConfig) { c.Mount = "not-mounted" }},
		"version 2, but the store 1":   {two, func(c *delivery.VaultConfig) { c.KV = 1 }},
		"version 1, but the store 2":   {one, func(c *delivery.VaultConfig) { c.KV = 2 }},
		"not a KV engine":              {two, func(c *delivery.VaultConfig) { c.Mount = "cubbyhole" }},
		"a folder in place of a mount": {two, func(c *delivery.VaultConfig) { c.Mount += "/folder" }},
	} {
		b := rooted(t, c.engine, c.change)
		_, read := b.Read(t.Context(), backend.Ref{Key: "not-there"})
		_, found := b.(backend.Finder).Find(t.Context(), backend.Query{})
		for call, err := range map[string]error{"Read": read, "Find": found} {
			if err == nil || backend.KindOf(err) != backend.Misconfigured {
				t.Errorf("%s, %s: %v, want Misconfigured", name, call, err)
			}
		}
	}
}

func TestMountIsSaidInEveryWay(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	e.put(t, "app/db", backendtest.Item{Fields: map[string]string{"v": "plain"}})
	for mount, keys := range map[string][]string{
		e.mount:             {"app/db", "/app/db", e.mount + "/app/db", e.mount + "/data/app/db"},
		"/" + e.mount + "/": {"app/db"},
		e.mount + "/data":   {"app/db", e.mount + "/app/db", e.mount + "/data/app/db"},
		"":                  {e.mount + "/data/app/db"},
	} {
		b := rooted(t, e, func(c *delivery.VaultConfig) { c.Mount = mount })
		for _, key := range keys {
			if got := value(t, b, key); got != `{"v":"plain"}` {
				t.Errorf("mount %q, key %q: %s", mount, key, got)
			}
		}
	}
	b := rooted(t, e, func(c *delivery.VaultConfig) { c.Mount = "" })
	refs, err := b.(backend.Finder).Find(t.Context(), backend.Query{Path: e.mount + "/data/app"})
	if err != nil || len(refs) != 1 || refs[0].Key != e.mount+"/data/app/db" {
		t.Fatalf("Find without a mount: %v, %v", refs, err)
	}
	value(t, b, refs[0].Key)
}

func TestMountThatIsCalledData(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	inner := kvEngine{e.Vault, "own/" + e.mount + "/data", 2}
	input := &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}
	if err := e.Admin.Sys().MountWithContext(t.Context(), inner.mount, input); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Admin.Sys().UnmountWithContext(context.Background(), inner.mount) })
	inner.put(t, "db", backendtest.Item{Fields: map[string]string{"v": "inner"}})
	b := open(t, inner.config(), inner.approle(t))
	if got := value(t, b, "db"); got != `{"v":"inner"}` {
		t.Errorf("got %s", got)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTokenRevokedInMidFlight(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	e.put(t, "db", backendtest.Item{Fields: map[string]string{"v": "1"}})
	creds := e.approle(t)
	b := open(t, e.config(), creds)
	value(t, b, "db")
	accessors := accessorsOf(t, e, creds["role"])
	if len(accessors) != 1 {
		t.Fatalf("%d tokens, want 1", len(accessors))
	}
	if err := e.Admin.Auth().Token().RevokeAccessorWithContext(t.Context(), accessors[0]); err != nil {
		t.Fatal(err)
	}
	value(t, b, "db")
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if left := accessorsOf(t, e, creds["role"]); len(left) != 0 {
		t.Errorf("%d tokens are left behind", len(left))
	}
}

// accessorsOf lists the tokens that were issued to a role.
func accessorsOf(t *testing.T, e kvEngine, role string) []string {
	t.Helper()
	all, err := e.Admin.Logical().ListWithContext(t.Context(), "auth/token/accessors")
	if err != nil {
		t.Fatal(err)
	}
	var mine []string
	for _, a := range all.Data["keys"].([]any) {
		info, err := e.Admin.Auth().Token().LookupAccessorWithContext(t.Context(), a.(string))
		if err != nil {
			continue // revoked meanwhile, by another test
		}
		meta, _ := info.Data["meta"].(map[string]any)
		name, _ := meta["role_name"].(string)
		id, err := e.Admin.Logical().ReadWithContext(t.Context(), "auth/approle/role/"+name+"/role-id")
		if err == nil && id != nil && id.Data["role_id"] == role {
			mine = append(mine, a.(string))
		}
	}
	return mine
}

func TestSealedVaultIsUnavailableAndThenGoesOn(t *testing.T) {
	t.Parallel()
	v, err := testkit.StartVault(t.Context(), testkit.VaultOptions{TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	if err := v.Put(t.Context(), "db", map[string]any{"v": "1"}); err != nil {
		t.Fatal(err)
	}
	e := kvEngine{v, "secret", 2}
	cfg := e.config()
	cfg.CABundle = v.CACert
	b := open(t, cfg, e.approle(t))
	value(t, b, "db")
	if err := v.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, read := b.Read(t.Context(), backend.Ref{Key: "db"})
	for call, err := range map[string]error{"Read": read, "Check": b.Check(t.Context())} {
		if err == nil || backend.KindOf(err) != backend.Unavailable || !strings.Contains(err.Error(), "sealed") {
			t.Errorf("%s of a sealed Vault: %v", call, err)
		}
	}
	if err := v.Unseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, eventually, func() error { // it takes a moment to serve again
		_, err := v.Admin.KVv2("secret").Get(t.Context(), "db")
		return err
	})
	if err := v.ResetCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	value(t, b, "db")
	counts, err := v.Counts(t.Context())
	if err != nil || counts.Reads != 1 || counts.Logins != 0 {
		t.Errorf("one read with the session from before cost %+v, %v", counts, err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDeniedPathIsRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 2)
	b := open(t, e.config(), e.approle(t))
	b2 := open(t, delivery.VaultConfig{Server: e.Addr, Mount: "secret", KV: 2, Auth: e.config().Auth}, e.approle(t))
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := b2.Read(t.Context(), backend.Ref{Key: "anything"})
	if backend.KindOf(err) != backend.Refused || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

func TestKubernetesServiceAccountLogsIn(t *testing.T) {
	t.Parallel()
	e, plane := newEngine(t, 2), testkit.SharedPlane(t)
	e.put(t, "db", backendtest.Item{Fields: map[string]string{"v": "1"}})
	namespace := testkit.Namespace(t, plane)
	if err := e.KubernetesAuth(t.Context(), plane); err != nil {
		t.Fatal(err)
	}
	if err := e.KubernetesRole(t.Context(), "app", namespace, "reader", testkit.ReadOnly(e.mount)); err != nil {
		t.Fatal(err)
	}
	cfg := e.config()
	cfg.Auth = delivery.VaultAuth{JWT: &delivery.VaultJWT{Mount: "kubernetes", Role: "app", Token: cred("jwt")}}
	good := open(t, cfg, backendtest.Credentials{"jwt": serviceAccountToken(t, plane, namespace, "reader")})
	if got := value(t, good, "db"); got != `{"v":"1"}` {
		t.Errorf("got %s", got)
	}
	if err := good.Close(t.Context()); err != nil {
		t.Error(err)
	}
	other := serviceAccountToken(t, plane, namespace, "other")
	err := open(t, cfg, backendtest.Credentials{"jwt": other}).Check(t.Context())
	if backend.KindOf(err) != backend.Refused || strings.Contains(err.Error(), other) {
		t.Errorf("another service account: %v", err)
	}
}

func TestTLSIsProven(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(say(200, `{"data":{"ttl":0,"renewable":false}}`))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := pemCert(server.Certificate())
	certPEM, keyPEM := keyPair(t)
	creds := backendtest.Credentials{"token": "x", "ca": ca, "cert": certPEM, "key": keyPEM}
	full := delivery.VaultConfig{
		Server: server.URL, KV: 2, Mount: "secret", Auth: token(), CA: cred("ca"), ClientCert: cred("cert"), ClientKey: cred("key"),
	}
	for name, c := range map[string]struct {
		change func(*delivery.VaultConfig)
		says   string
	}{
		"all is given": {func(*delivery.VaultConfig) {}, ""},
		"CA as bytes":  {func(c *delivery.VaultConfig) { c.CA, c.CABundle = delivery.Credential{}, []byte(ca) }, ""},
		"no CA":        {func(c *delivery.VaultConfig) { c.CA = delivery.Credential{} }, "unknown authority"},
		"no certificate": {func(c *delivery.VaultConfig) {
			// Under TLS 1.3 the server refuses after its part of the handshake:
			// its alert may be lost to the reset that follows.
			c.ClientCert, c.ClientKey = delivery.Credential{}, delivery.Credential{}
		}, "certificate required|cannot reach Vault"},
		"plain HTTP": {func(c *delivery.VaultConfig) { c.Server = "http" + strings.TrimPrefix(c.Server, "https") }, "HTTP 400"},
		"another name": {func(c *delivery.VaultConfig) {
			c.Server = strings.Replace(c.Server, "127.0.0.1", "localhost", 1)
		}, "another name"},
	} {
		cfg := full
		c.change(&cfg)
		b := open(t, cfg, creds)
		err := b.Check(t.Context())
		_ = b.Close(t.Context())
		if c.says == "" && err != nil || c.says != "" && (err == nil || !regexp.MustCompile(c.says).MatchString(err.Error())) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestEnvironmentHasNoEffect is not parallel: it sets the process's
// environment.
func TestEnvironmentHasNoEffect(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		_, _ = w.Write([]byte(`{"data":{"ttl":0,"renewable":false}}`))
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "hvs.env",
		"VAULT_NAMESPACE": "env", "VAULT_HEADERS": "not json", "VAULT_SKIP_VERIFY": "neither", "VAULT_CACERT": "/not/there",
		"VAULT_CLIENT_TIMEOUT": "soon", "VAULT_RATE_LIMIT": "x", "VAULT_PROXY_ADDR": "http://127.0.0.1:1", "VAULT_MAX_RETRIES": "-",
	} {
		t.Setenv(name, value)
	}
	b := open(t, at(server, 2), backendtest.Credentials{"token": "hvs.store"})
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.Get("X-Vault-Token") != "hvs.store" || got.Get("X-Vault-Namespace") != "" {
		t.Errorf("sent %v", got)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
