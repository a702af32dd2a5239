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

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestWhatLooksMisconfiguredIsTriedAgain: a mount that is not there, or a
// redirect, may be the store's passing trouble.
func TestWhatLooksMisconfiguredIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.Fault
		says  string
	}{
		"a 404 with a reason":   {testkit.Status(404, asJSON, `{"errors":["no handler for route"]}`), "no handler for route"},
		"a redirect in circles": {testkit.Status(307, http.Header{"Location": {"/v1/secret/data/x"}}, ""), "redirected too often"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			proxy := testkit.NewProxy(t, b.VaultAddr, nil)
			b.VaultAddr = proxy.URL
			b.Put("db", map[string]any{"password": "one"})
			b.Apply(operatortest.VaultStore + app("Delete"))
			before := b.Holds("app", map[string]string{"password": "one"})
			b.Synced("app")
			proxy.Set(c.fault)
			b.Poke("app")
			b.Failed("app", c.says)
			untouched(b, before)
			b.Put("db", map[string]any{"password": "two"})
			proxy.Set(testkit.None)
			b.Holds("app", map[string]string{"password": "two"})
		})
	}
}

// TestAMissingEntryIsSkippedAndSaid where the policy lets it be skipped.
func TestAMissingEntryIsSkippedAndSaid(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"Delete", "Merge"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			b.Put("a", map[string]any{"k": "one"})
			b.Put("b", map[string]any{"k": "two"})
			b.Apply(operatortest.VaultStore + fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {deletionPolicy: %s}
  data:
  - {secretKey: a, remoteRef: {key: $NS/a, property: k}}
  - {secretKey: b, remoteRef: {key: $NS/b, property: k}}
`, policy))
			b.Holds("app", map[string]string{"a": "one", "b": "two"})
			must(t, b.Vault.Delete(t.Context(), b.NS+"/b"))
			b.Poke("app")
			b.Holds("app", map[string]string{"a": "one"})
			b.Synced("app")
			b.Event("app", "MissingProviderSecret", "spec.data[1]")
		})
	}
}

// TestNoSecretByteComesOutAtAnyLevel of the log.
func TestNoSecretByteComesOutAtAnyLevel(t *testing.T) {
	t.Parallel()
	noSecretByte(t, -100, sow)
}

func TestALongPatternIsRefused(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(operatortest.VaultStore + fmt.Sprintf(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  dataFrom: [{find: {path: $NS, name: {regexp: %q}}}]
`, strings.Repeat("(a|b)", 100_000)))
	b.Failed("app", "regexp")
}

func TestNeverAgain(t *testing.T) {
	t.Parallel()
	for _, interval := range []string{"'0'", "0s", "-1h"} {
		t.Run(interval+" is never again", func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			b.Put("db", map[string]any{"k": "one"})
			b.Apply(operatortest.VaultStore + every(interval))
			before := b.Holds("app", map[string]string{"k": "one"})
			b.Synced("app")
			refreshed := b.ExternalSecret("app").Status.RefreshTime
			b.Put("db", map[string]any{"k": "two"})
			b.Poke("app")
			b.Apply(fmt.Sprintf(fakeStore, "other", "x") + fmt.Sprintf(fromFake, "other", "other"))
			b.Synced("other") // queued later, so the poke has been dealt with
			untouched(b, before)
			if now := b.ExternalSecret("app").Status.RefreshTime; !now.Equal(refreshed) {
				t.Errorf("refreshed at %v after %v", now, refreshed)
			}
		})
	}
}

// TestAStoreThatChangesDoesNotOverruleTheRefreshPolicy: what was created once
// stays as it is.
func TestAStoreThatChangesDoesNotOverruleTheRefreshPolicy(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{"CreatedOnce": "refreshPolicy: CreatedOnce", "never": "refreshInterval: 0s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			one := fmt.Sprintf(fakeStore, "fake", "one")
			b.Apply(one + strings.Replace(fmt.Sprintf(fromFake, "app", "fake"), "spec:", "spec:\n  "+policy, 1) + fmt.Sprintf(fromFake, "periodic", "fake"))
			before := b.Holds("app", map[string]string{"k": "one"})
			b.Holds("periodic", map[string]string{"k": "one"})
			b.Synced("app")
			b.Apply(fmt.Sprintf(fakeStore, "fake", "two"))
			b.Holds("periodic", map[string]string{"k": "two"})
			b.Apply(fmt.Sprintf(fromFake, "last", "fake"))
			b.Synced("last")
			untouched(b, before)
		})
	}
}

// TestANewCredentialFailsNobodyInTheQueue: calls that wait for their turn go
// on with the new session.
func TestANewCredentialFailsNobodyInTheQueue(t *testing.T) {
	t.Parallel()
	b, _, _ := operatortest.WithOwn(t, func(o *operator.Options) {
		// Waiting in the queue takes what it takes.
		o.Limits.Concurrent, o.Limits.Timeout, o.Class = 1, time.Hour, o.Namespaces[0]
	})
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	b.Apply(ours(operatortest.VaultStore))
	b.Eventually(func() error {
		if !strings.Contains(b.States(), "Valid") {
			return fmt.Errorf("the store is not ready; %s", b.States())
		}
		return nil
	})
	b.CaughtUp(b.NS)
	// Reads are held until there is a new session. That is noticed here, for the
	// store's own check might wait behind one of them.
	const login = "/v1/auth/token/lookup-self"
	release := make(chan struct{})
	hold := testkit.Hold(release)
	anew := sync.OnceFunc(func() { close(release) })
	hold.Match = func(r *http.Request) bool {
		if r.URL.Path == login {
			anew()
		}
		return strings.HasPrefix(r.URL.Path, "/v1/secret/data")
	}
	proxy.Set(hold)
	proxy.ResetCounts()
	for i := range 10 {
		b.Put(fmt.Sprint(i), map[string]any{"k": "v"})
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app-%[1]d}
spec:
  secretStoreRef: {name: vault}
  data: [{secretKey: k, remoteRef: {key: $NS/%[1]d, property: k}}]
`, i))
	}
	b.Eventually(func() error {
		if total(proxy.Counts()) < 1 {
			return fmt.Errorf("nothing has been read")
		}
		return nil
	})
	touch(b, "vault-token")
	for i := range 10 {
		b.Holds(fmt.Sprintf("app-%d", i), map[string]string{"k": "v"})
	}
	events := &corev1.EventList{}
	must(t, b.List(t.Context(), events, client.InNamespace(b.NS)))
	for _, e := range events.Items {
		if e.Reason == "UpdateFailed" {
			t.Errorf("%s: %s", e.InvolvedObject.Name, e.Message)
		}
	}
}
