package baddays

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// beside is a bed, and a namespace for copies, which $OTHER stands for.
func beside(t *testing.T) (b *operatortest.Bed, other string) {
	t.Helper()
	b = operatortest.WithShared(t)
	return b, testkit.Namespace(t, b.Plane)
}

// readMirror copies secret/data/$NS/db to namespaces, asking every second.
func readMirror(name, to string) string {
	return fmt.Sprintf(`
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: %[1]s}
spec:
  pollPeriodSeconds: 1
  source: {type: vault, name: %[1]s, vault: {addr: $VAULT, path: secret/data/$NS/db, auth: {token: {secretRef: {name: vault-token}}}}}
  destination: {%[2]s}
`, name, to)
}

func vaultToken(b *operatortest.Bed) {
	b.T.Helper()
	create(b, &corev1.Secret{ObjectMeta: meta("vault-token"), StringData: map[string]string{"token": b.Vault.RootToken}})
}

// mirrorSays waits until the SecretMirror, as it is now, has this status, and a
// message with all the parts.
func mirrorSays(b *operatortest.Bed, name, status string, parts ...string) *mirrorsv1.SecretMirror {
	b.T.Helper()
	sm := &mirrorsv1.SecretMirror{}
	b.Eventually(func() error {
		must(b.T, b.Get(b.T.Context(), keyOf(b.NS, name), sm))
		ok := sm.Status.MirrorStatus == status && sm.Status.ObservedGeneration == sm.Generation && len(sm.Status.Conditions) > 0
		for _, p := range parts {
			ok = ok && strings.Contains(sm.Status.Conditions[0].Message, p)
		}
		if !ok {
			return fmt.Errorf("%s of generation %d is %+v, want %s %q", name, sm.Generation, sm.Status, status, parts)
		}
		return nil
	})
	return sm
}

// copyOf waits for a copy that holds the value.
func copyOf(b *operatortest.Bed, namespace, name, key, value string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{}
	b.Eventually(func() error {
		if err := b.Get(b.T.Context(), keyOf(namespace, name), s); err != nil {
			return fmt.Errorf("%s/%s: %w", namespace, name, err)
		}
		if got := string(s.Data[key]); got != value {
			return fmt.Errorf("%s/%s holds %s=%.40q, want %.40q", namespace, name, key, got, value)
		}
		return nil
	})
	return s
}

// TestTheLastGoodCopySurvivesTheStore is promise 3 for SecretMirror: neither
// its copies nor what it wrote into a Vault change for an answer that is none.
func TestTheLastGoodCopySurvivesTheStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.Fault
		says  string
	}{
		"down":           {testkit.Down(), "cannot reach Vault"},
		"cut":            {testkit.Cut(), "cut off"},
		"throttled":      {testkit.Status(429, asJSON, `{"errors":["rate limit quota \"all\" exceeded"]}`), "rate limit quota"},
		"internal error": {testkit.Status(500, asJSON, `{"errors":["1 error occurred"]}`), "1 error occurred"},
		"unavailable":    {testkit.Status(503, asJSON, `{"errors":["Vault is sealed"]}`), "Vault is sealed"},
		"garbage":        {testkit.Garbage(), ""},
		"empty":          {testkit.Empty(), ""},
		"wrong type":     {testkit.Status(200, asJSON, `{"data":{"data":"text","metadata":{"version":1}}}`), "no map"},
		"null data":      {testkit.Status(200, asJSON, `{"data":{"data":null,"metadata":{"version":1}}}`), "no map"},
		"null":           {testkit.Status(200, asJSON, `{"data":null}`), "holds no data"},
		"a list":         {testkit.Status(200, asJSON, `[]`), ""},
		"a proxy's 404":  {testkit.Status(404, nil, "<html>not here"), "HTTP 404"},
		"gone":           {testkit.Status(404, asJSON, `{"errors":[]}`), "does not exist"},
		"denied":         {testkit.Status(403, asJSON, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, other := beside(t)
			direct := b.VaultAddr
			proxy := testkit.NewProxy(t, direct, nil)
			b.VaultAddr = proxy.URL
			vaultToken(b)
			b.Put("db", map[string]any{"password": "one"})
			b.Apply(readMirror("copied", fmt.Sprintf("namespaces: [^%s$]", other)) +
				readMirror("written", fmt.Sprintf("type: vault, vault: {addr: %q, path: secret/data/$NS/out, auth: {token: {secretRef: {name: vault-token}}}}", direct)))
			before := copyOf(b, other, "copied", "password", "one")
			mirrorSays(b, "copied", "Active")
			synced := mirrorSays(b, "written", "Active").Status.LastSyncTime
			written := func() int {
				t.Helper()
				meta, err := b.Vault.Admin.KVv2("secret").GetMetadata(t.Context(), b.NS+"/out")
				must(t, err)
				return meta.CurrentVersion
			}

			proxy.Set(c.fault.OnPrefix("/v1/secret/data/"))
			mirrorSays(b, "copied", "Error", c.says)
			failed := mirrorSays(b, "written", "Error", c.says)
			if now := copyOf(b, other, "copied", "password", "one"); now.UID != before.UID || now.ResourceVersion != before.ResourceVersion {
				t.Errorf("the copy was written: version %s became %s", before.ResourceVersion, now.ResourceVersion)
			}
			if n := written(); n != 1 {
				t.Errorf("Vault was written %d times", n)
			}
			if failed.Status.LastSyncTime < synced {
				t.Errorf("a failure moved the age of the last success from %s to %s", synced, failed.Status.LastSyncTime)
			}
			b.Put("db", map[string]any{"password": "two"})
			proxy.Set(testkit.None)
			copyOf(b, other, "copied", "password", "two")
			mirrorSays(b, "copied", "Active")
			mirrorSays(b, "written", "Active")
		})
	}
}

// TestARefusedAppRoleIsNotTriedInALoop, however many SecretMirrors of a
// namespace log in with it: they share a session.
func TestARefusedAppRoleIsNotTriedInALoop(t *testing.T) {
	t.Parallel()
	const many = 25
	b, other := beside(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	roleID, secretID, err := b.Vault.AppRole(t.Context(), testkit.ReadOnly("secret/data/"+b.NS))
	must(t, err)
	b.Put("db", map[string]any{"password": "one"})
	login := create(b, &corev1.Secret{ObjectMeta: meta("approle"), StringData: map[string]string{"role-id": roleID, "secret-id": "wrong"}})
	byRole := func(name string) string {
		return strings.Replace(readMirror(name, fmt.Sprintf("namespaces: [^%s$]", other)), "{token: {secretRef: {name: vault-token}}}", "{approle: {secretRef: {name: approle}}}", 1)
	}
	start := time.Now()
	for i := range many {
		b.Apply(byRole(fmt.Sprintf("app-%d", i)))
	}
	for i := range many {
		mirrorSays(b, fmt.Sprintf("app-%d", i), "Error", "invalid")
	}
	for i := range many { // and somebody insists
		sm := mirrorSays(b, fmt.Sprintf("app-%d", i), "Error")
		patch := client.MergeFrom(sm.DeepCopy())
		sm.Spec.PollPeriodSeconds = 2
		must(t, b.Patch(t.Context(), sm, patch))
	}
	for i := range many {
		mirrorSays(b, fmt.Sprintf("app-%d", i), "Error", "invalid")
	}
	if n := total(proxy.Counts()); n > 3+lockouts(start) {
		t.Errorf("refused credentials were tried %d times: %v", n, proxy.Counts())
	}

	b.CaughtUp("") // or the first event of the Secret might come after the change
	proxy.ResetCounts()
	login.StringData = map[string]string{"secret-id": secretID}
	must(t, b.Update(t.Context(), login))
	for i := range many {
		copyOf(b, other, fmt.Sprintf("app-%d", i), "password", "one")
	}
	// What was under way when the Secret changed may have logged in once more.
	if n := proxy.Counts()["/v1/auth/approle/login"]; n > 2 {
		t.Errorf("%d SecretMirrors took %d logins", many, n)
	}
}

// TestRetryAfterIsHonouredForAllMirrorsTogether: they share what the store
// asked for.
func TestRetryAfterIsHonouredForAllMirrorsTogether(t *testing.T) {
	t.Parallel()
	const many, wait = 10, 3 * time.Second
	b, other := beside(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	vaultToken(b)
	b.CaughtUp("") // or two sessions might ask at a time
	b.Put("db", map[string]any{"password": "one"})
	for i := range many {
		b.Apply(readMirror(fmt.Sprintf("app-%d", i), fmt.Sprintf("namespaces: [^%s$]", other)))
	}
	for i := range many {
		copyOf(b, other, fmt.Sprintf("app-%d", i), "password", "one")
	}
	var mu sync.Mutex
	var times []time.Time
	fault := testkit.Status(429, http.Header{"Retry-After": {"3"}, "Content-Type": {"application/json"}}, `{"errors":["slow down"]}`)
	fault.Match = func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, "/v1/secret/data/") {
			return false
		}
		times = append(times, time.Now())
		return len(times) == 1
	}
	proxy.Set(fault)
	b.Put("db", map[string]any{"password": "two"})
	for i := range many {
		copyOf(b, other, fmt.Sprintf("app-%d", i), "password", "two")
	}
	mu.Lock()
	defer mu.Unlock()
	if gap := times[1].Sub(times[0]); gap < wait {
		t.Errorf("the store asked for %s and was called again after %s", wait, gap)
	}
}
