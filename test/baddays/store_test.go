package baddays

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

var asJSON = http.Header{"Content-Type": {"application/json"}}

// TestTheLastGoodSecretSurvivesTheStore is promise 3. The deletion policy is
// Delete throughout, for which no answer but one may count as "it is gone".
func TestTheLastGoodSecretSurvivesTheStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.Fault
		says  string
	}{
		"down":               {testkit.Down(), "cannot reach Vault"},
		"cut":                {testkit.Cut(), "was cut off"},
		"throttled":          {testkit.Status(429, asJSON, `{"errors":["rate limit quota \"all\" exceeded"]}`), "rate limit quota"},
		"internal error":     {testkit.Status(500, asJSON, `{"errors":["1 error occurred"]}`), "1 error occurred"},
		"bad gateway":        {testkit.Status(502, nil, "<html>bad gateway"), "HTTP 502"},
		"unavailable":        {testkit.Status(503, asJSON, `{"errors":["Vault is sealed"]}`), "Vault is sealed"},
		"garbage":            {testkit.Garbage(), ""},
		"empty":              {testkit.Empty(), ""},
		"wrong type":         {testkit.Status(200, asJSON, `{"data":{"data":"text","metadata":{"version":1}}}`), ""},
		"wrong type without": {testkit.Status(200, asJSON, `{"data":{"data":"text"}}`), ""},
		"null data":          {testkit.Status(200, asJSON, `{"data":{"data":null,"metadata":{"version":1}}}`), ""},
		"a list":             {testkit.Status(200, asJSON, `[]`), ""},
		"a proxy's 404":      {testkit.Status(404, nil, "<html>not here"), "HTTP 404"},
		"a proxy's JSON 404": {testkit.Status(404, asJSON, `{"message":"not found"}`), "HTTP 404"},
		"an empty 404":       {testkit.Status(404, nil, ""), "HTTP 404"},
		"denied":             {testkit.Status(403, asJSON, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), "permission denied"},
		"a proxy's 403":      {testkit.Status(403, nil, "blocked"), "HTTP 403"},
	} {
		for part, only := range map[string]func(testkit.Fault) testkit.Fault{
			"all":   func(f testkit.Fault) testkit.Fault { return f },
			"reads": func(f testkit.Fault) testkit.Fault { return f.OnPrefix("/v1/secret/data/") },
		} {
			t.Run(name+" "+part, func(t *testing.T) {
				t.Parallel()
				b := operatortest.WithShared(t)
				proxy := testkit.NewProxy(t, b.VaultAddr, nil)
				b.VaultAddr = proxy.URL
				b.Put("db", map[string]any{"password": "one"})
				b.Apply(operatortest.VaultStore + app("Delete"))
				before := b.Holds("app", map[string]string{"password": "one"})
				b.Synced("app")

				proxy.Set(only(c.fault))
				b.Poke("app")
				b.Failed("app", "could not get secret data from provider: ", c.says)
				b.Event("app", "UpdateFailed", c.says)
				untouched(b, before)

				b.Put("db", map[string]any{"password": "two"})
				proxy.Set(testkit.None)
				if strings.Contains(b.States(), "cannot look up Vault's token") {
					// Refused credentials are left alone for a while, or until
					// they change.
					touch(b, "vault-token")
				}
				b.Holds("app", map[string]string{"password": "two"})
				b.Synced("app")
			})
		}
	}
}

// TestASlowStoreHoldsNobodyUp has one store answer nothing: the call ends in
// time, and objects of another store do not wait for it.
func TestASlowStoreHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b, _, _ := operatortest.WithOwn(t, func(o *operator.Options) {
		o.Limits.Timeout, o.Class = time.Second, o.Namespaces[0]
		o.Workers = 2
	})
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.Put("db", map[string]any{"password": "one"})
	direct := b.VaultAddr
	b.VaultAddr = proxy.URL
	b.Apply(ours(operatortest.VaultStore + app("Delete")))
	before := b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")

	proxy.Set(testkit.Slow(time.Hour))
	b.Poke("app")
	b.Failed("app", "in time")
	untouched(b, before)

	b.VaultAddr = direct
	b.Apply(ours(fmt.Sprintf(fakeStore, "other", "x") + fmt.Sprintf(fromFake, "other", "other")))
	b.Holds("other", map[string]string{"k": "x"})

	proxy.Set(testkit.None)
	b.Synced("app")
}

// fakeStore is a store called %[1]s that holds k=%[2]s.
const fakeStore = `
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %[1]q}
spec:
  provider: {fake: {data: [{key: k, value: %[2]q}]}}
`

// fromFake is an ExternalSecret %[1]s that takes k of the store %[2]s.
const fromFake = `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %[1]q}
spec:
  secretStoreRef: {name: %[2]q}
  data: [{secretKey: k, remoteRef: {key: k}}]
`

func TestAStoreThatDoesNotExistWakesItsObjectsWhenItDoes(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(fmt.Sprintf(fromFake, "app", "late"))
	b.Failed("app", "could not get secret data from provider: ", `SecretStore "late"`, "does not exist")
	b.Event("app", "UpdateFailed", `SecretStore "late"`)
	b.Apply(fmt.Sprintf(fakeStore, "late", "one"))
	b.Holds("app", map[string]string{"k": "one"})
	b.Synced("app")
}

func TestAWrongTokenIsNotTriedInALoop(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	b.Put("db", map[string]any{"password": "one"})
	start := time.Now()
	b.Apply(strings.ReplaceAll(operatortest.VaultStore, "$TOKEN", "hvs.wrong"))
	for i := range 20 {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app-%d}
spec:
  secretStoreRef: {name: vault}
  dataFrom: [{extract: {key: $NS/db}}]
`, i))
	}
	for i := range 20 {
		b.Failed(fmt.Sprintf("app-%d", i), `SecretStore "vault" is not ready`, "permission denied")
	}
	for i := range 20 {
		b.Poke(fmt.Sprintf("app-%d", i))
	}
	b.Apply(fmt.Sprintf(fakeStore, "last", "x") + fmt.Sprintf(fromFake, "last", "last"))
	b.Synced("last") // queued behind the pokes
	// The first, and one for an event of the credential that came late.
	if n := total(proxy.Counts()); n > 2+lockouts(start) {
		t.Errorf("refused credentials were tried %d times: %v", n, proxy.Counts())
	}

	b.Apply(operatortest.VaultStore)
	for i := range 20 {
		b.Holds(fmt.Sprintf("app-%d", i), map[string]string{"password": "one"})
	}
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func TestSealedVaultIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	vault, err := testkit.StartVault(t.Context(), testkit.VaultOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, vault.Stop()) })
	b.Vault, b.VaultAddr = vault, vault.Addr
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + app("Delete"))
	before := b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")

	must(t, vault.Seal(t.Context()))
	b.Poke("app")
	b.Failed("app", "Vault is sealed")
	b.Event("app", "UpdateFailed", "Vault is sealed")
	untouched(b, before)

	must(t, vault.Unseal(t.Context()))
	b.Synced("app")
	untouched(b, before)
}

// TestRetryAfterIsHonoured asks all the time, and nothing may reach the store
// before it said so.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore)
	b.CaughtUp("") // or the store might be looked at beside the read
	b.Apply(app("Retain"))
	b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")

	var mu sync.Mutex
	var times []time.Time
	fault := testkit.Status(429, http.Header{"Retry-After": {"3"}}, `{"errors":["slow down"]}`)
	fault.Match = func(*http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		return len(times) == 1
	}
	proxy.Set(fault)
	b.Put("db", map[string]any{"password": "two"})
	b.Poke("app")
	b.Event("app", "UpdateFailed", "slow down") // the failure itself may be over
	b.Eventually(func() error {
		b.Poke("app")
		if got := string(b.Secret("app").Data["password"]); got != "two" {
			return fmt.Errorf("still %q; %s", got, b.States())
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	if gap := times[1].Sub(times[0]); gap < 3*time.Second {
		t.Errorf("the store asked for 3s and was called again after %s", gap)
	}
}

func TestARevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	role, secretID, err := b.Vault.AppRole(t.Context(), testkit.ReadOnly("secret/data/"+b.NS))
	must(t, err)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	var mu sync.Mutex
	var token string
	seen := testkit.Status(500, nil, "")
	seen.Match = func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if got := r.Header.Get("X-Vault-Token"); got != "" {
			token = got
		}
		return false
	}
	proxy.Set(seen)
	b.Put("db", map[string]any{"password": "one"})
	create(b, &corev1.Secret{ObjectMeta: meta("approle"), StringData: map[string]string{"secret": secretID}})
	b.CaughtUp("")
	b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec:
  provider:
    vault:
      server: $VAULT
      path: secret
      auth: {appRole: {path: approle, roleId: %q, secretRef: {name: approle, key: secret}}}
`, role) + app("Delete"))
	before := b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")

	mu.Lock()
	revoked := token
	mu.Unlock()
	_, err = b.Vault.Admin.Logical().WriteWithContext(t.Context(), "auth/token/revoke", map[string]any{"token": revoked})
	must(t, err)
	proxy.ResetCounts()
	ranSince(b, "app")
	untouched(b, before)
	if n := proxy.Counts()["/v1/auth/approle/login"]; n != 1 {
		t.Errorf("logged in %d times after the token was revoked, want once", n)
	}
}

// TestARedirectIsNotFollowed to where the credentials do not belong.
func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	elsewhere := testkit.NewProxy(t, b.VaultAddr, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	b.VaultAddr = server.URL
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + app("Retain"))
	b.Failed("app", "redirected to another host")
	if n := total(elsewhere.Counts()); n != 0 {
		t.Errorf("the other host was asked: %v", elsewhere.Counts())
	}
	if b.Secret("app") != nil {
		t.Error("a Secret came of it")
	}
}

// touch changes something of a Secret that does not matter.
func touch(b *operatortest.Bed, name string) {
	b.T.Helper()
	s := b.Secret(name)
	patch := client.MergeFrom(s.DeepCopy())
	s.Annotations = map[string]string{"touched": time.Now().Format(time.RFC3339Nano)}
	must(b.T, b.Patch(b.T.Context(), s, patch))
}

// TestRefusedCredentialsAreTriedAgainAfterAWhile: the store may have come to
// its senses.
func TestRefusedCredentialsAreTriedAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	b, _, _ := operatortest.WithOwn(t, func(o *operator.Options) { o.Limits.Lockout, o.Class = time.Second, o.Namespaces[0] })
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	proxy.Set(testkit.Status(403, asJSON, `{"errors":["permission denied"]}`))
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore + app("Retain")))
	b.Failed("app", "permission denied")
	proxy.Set(testkit.None)
	b.Holds("app", map[string]string{"password": "one"})
}
