package baddays

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// onStatus matches the write of an ExternalSecret's status.
func onStatus(r *http.Request) bool {
	return r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/externalsecrets/") && strings.HasSuffix(r.URL.Path, "/status")
}

// TestKilledBetweenTheSecretAndTheStatus has the Secret written and nothing
// said about it; the next operator says it and writes nothing.
func TestKilledBetweenTheSecretAndTheStatus(t *testing.T) {
	t.Parallel()
	cut := func(r *http.Request) error {
		if onStatus(r) {
			return testkit.ErrCut
		}
		return nil
	}
	for name, faults := range map[string][2]func(*http.Request) error{
		"status not sent":         {cut, nil},
		"status's answer is lost": {nil, cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithoutOperator(t)
			first, second := &testkit.Tap{}, &testkit.Tap{}
			first.Set(faults[0], faults[1])
			_, stop := b.Operate(throughTap(b, first))
			b.Put("db", map[string]any{"password": "one"})
			b.Apply(ours(operatortest.VaultStore + app("Retain")))
			before := b.Holds("app", map[string]string{"password": "one"})
			b.Eventually(func() error {
				if n := first.Which(func(c testkit.Call) bool { return strings.HasSuffix(c.Path, "/externalsecrets/app/status") }); len(n) == 0 {
					return fmt.Errorf("the status was not tried")
				}
				return nil
			})
			stop()
			if n := first.SecretWrites(); len(n) != 1 {
				t.Errorf("the first operator wrote %v", n)
			}

			b.Operate(throughTap(b, second))
			b.Synced("app")
			if es := b.ExternalSecret("app"); es.Status.Binding == nil || es.Status.Binding.ResourceVersion != before.ResourceVersion {
				t.Errorf("bound to %+v, want version %s", es.Status.Binding, before.ResourceVersion)
			}
			untouched(b, before)
			if n := second.SecretWrites(); len(n) != 0 {
				t.Errorf("the second operator wrote %v", n)
			}
		})
	}
}

// TestAnAnswerThatIsLostIsNoSecondSecret: the write arrived, its answer did
// not.
func TestAnAnswerThatIsLostIsNoSecondSecret(t *testing.T) {
	t.Parallel()
	b := operatortest.WithoutOperator(t)
	p := &testkit.Tap{}
	var lost atomic.Bool
	p.Set(nil, func(r *http.Request) error {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets") && lost.CompareAndSwap(false, true) {
			return testkit.ErrCut
		}
		return nil
	})
	b.Operate(throughTap(b, p))
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore + app("Retain")))
	before := b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")
	untouched(b, before)
}

// TestRestartWithNothingChangedWritesNothing is promise 8, and that a restart
// logs in once a store.
func TestRestartWithNothingChangedWritesNothing(t *testing.T) {
	t.Parallel()
	const n = 20
	b := operatortest.WithoutOperator(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	first, second := &testkit.Tap{}, &testkit.Tap{}
	_, stop := b.Operate(throughTap(b, first))
	before := many(b, n)
	stop()

	proxy.ResetCounts()
	es := statuses(b)
	_, stop = b.Operate(throughTap(b, second))
	// The restart is over when something new has been served.
	b.Apply(ours(fmt.Sprintf(fakeStore, "fake", "x") + fmt.Sprintf(fromFake, "new", "fake")))
	b.Synced("new")
	stop()
	for _, s := range before {
		untouched(b, s)
	}
	for name, was := range es {
		if now := b.ExternalSecret(name).ResourceVersion; now != was {
			t.Errorf("the status of %s was written", name)
		}
	}
	if got := second.Which(func(c testkit.Call) bool { return c.Writes() && c.OnSecrets() && !isNew(c) }); len(got) != 0 {
		t.Errorf("wrote Secrets: %v", got)
	}
	if got := second.Which(func(c testkit.Call) bool {
		return !c.Writes() && c.OnSecrets() && !c.Watches() && strings.Contains(c.Path, "/secrets/app-")
	}); len(got) != 0 {
		t.Errorf("read Secrets that nobody touched: %v", got)
	}
	counts := proxy.Counts()
	if logins := counts["/v1/auth/token/lookup-self"]; logins > 2 {
		t.Errorf("looked its token up %d times", logins)
	}
	for path, c := range counts {
		if strings.HasPrefix(path, "/v1/secret/data/") {
			t.Errorf("read %s %d times", path, c)
		}
	}
}

// isNew matches the creation of a Secret that has just been asked for.
func isNew(c testkit.Call) bool { return c.Method == http.MethodPost && c.Succeeded() }

// many applies n ExternalSecrets app-0 to app-n and returns their Secrets.
func many(b *operatortest.Bed, n int) []*corev1.Secret {
	b.T.Helper()
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore))
	for i := range n {
		b.Apply(strings.ReplaceAll(app("Retain"), "name: app", fmt.Sprintf("name: app-%d", i)))
	}
	var out []*corev1.Secret
	for i := range n {
		out = append(out, b.Holds(fmt.Sprintf("app-%d", i), map[string]string{"password": "one"}))
		b.Synced(fmt.Sprintf("app-%d", i))
	}
	return out
}

// statuses are the versions of all ExternalSecrets.
func statuses(b *operatortest.Bed) map[string]string {
	b.T.Helper()
	list := &esv1.ExternalSecretList{}
	must(b.T, b.List(b.T.Context(), list, client.InNamespace(b.NS)))
	out := map[string]string{}
	for _, es := range list.Items {
		out[es.Name] = es.ResourceVersion
	}
	return out
}

// TestFailoverWritesNothing has a second replica take over from one that
// resigns, or that is cut off and never says so.
func TestFailoverWritesNothing(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(*http.Request) error{
		"resigned": nil,
		"killed":   func(*http.Request) error { return testkit.ErrCut },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithoutOperator(t)
			first, second := &testkit.Tap{}, &testkit.Tap{}
			elected := func(p *testkit.Tap) func(*operator.Options) {
				return func(o *operator.Options) {
					throughTap(b, p)(o)
					o.LeaderElect, o.LeaderNamespace = true, b.NS
				}
			}
			_, stop := b.Operate(elected(first))
			before := many(b, 10)
			es := statuses(b)
			b.Operate(elected(second))
			first.Set(last, nil)
			stop()
			b.Apply(ours(fmt.Sprintf(fakeStore, "fake", "x") + fmt.Sprintf(fromFake, "new", "fake")))
			b.Synced("new")
			for _, s := range before {
				untouched(b, s)
			}
			for name, was := range es {
				if now := b.ExternalSecret(name).ResourceVersion; now != was {
					t.Errorf("the status of %s was written", name)
				}
			}
			if got := second.Which(func(c testkit.Call) bool { return c.Writes() && c.OnSecrets() && !isNew(c) }); len(got) != 0 {
				t.Errorf("wrote Secrets: %v", got)
			}
		})
	}
}

// TestTheAPIServerRestartsUnderLoad on a plane of its own: what was asked for
// during the outage comes true, and each change is one write.
func TestTheAPIServerRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	const n = 60
	b := alone(t, testkit.PlaneOptions{CRDs: []string{"config/crd"}, NoControllers: true})
	plane := b.Plane
	p := &testkit.Tap{}
	b.Operate(throughTap(b, p))
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore))
	for i := range n {
		b.Apply(strings.ReplaceAll(app("Retain"), "name: app", fmt.Sprintf("name: app-%d", i)))
		if i == n/2 {
			// In the midst of the first half's writes.
			must(t, plane.RestartAPIServer(t.Context()))
		}
	}
	for i := range n {
		b.Holds(fmt.Sprintf("app-%d", i), map[string]string{"password": "one"})
		b.Synced(fmt.Sprintf("app-%d", i))
	}
	generations := map[string]string{}
	for i := range n {
		s := b.Secret(fmt.Sprintf("app-%d", i))
		generations[s.Name] = s.ResourceVersion
	}
	// A write whose answer was lost does not show, so there may be fewer.
	if w := p.Which(func(c testkit.Call) bool { return c.Writes() && c.OnSecrets() && c.Succeeded() }); len(w) > n {
		t.Errorf("%d writes made %d Secrets: %v", len(w), n, w)
	}

	// All is well: another restart changes nothing, and drift is noticed after it.
	p.Reset()
	must(t, plane.RestartAPIServer(t.Context()))
	s := b.Secret("app-0")
	s.Data["password"] = []byte("drift")
	must(t, b.Update(t.Context(), s))
	b.Holds("app-0", map[string]string{"password": "one"})
	for i := range n - 1 {
		if s := b.Secret(fmt.Sprintf("app-%d", i+1)); s.ResourceVersion != generations[s.Name] {
			t.Errorf("%s was written again", s.Name)
		}
	}
	// Tries while the API server was away are no writes.
	if w := p.Which(func(c testkit.Call) bool { return c.Writes() && c.OnSecrets() && c.Succeeded() }); len(w) > 1 {
		t.Errorf("drift of one Secret after a restart took %v", w)
	}
}

// TestTwoKeysAreNeverMixed is promise 4: a reader sees both old or both new.
func TestTwoKeysAreNeverMixed(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	put := func(i int) {
		b.Put("pair", map[string]any{"user": fmt.Sprintf("u%d", i), "password": fmt.Sprintf("p%d", i)})
	}
	put(0)
	b.Apply(operatortest.VaultStore + `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {template: {}}
  data:
  - {secretKey: user, remoteRef: {key: $NS/pair, property: user}}
  - {secretKey: password, remoteRef: {key: $NS/pair, property: password}}
`)
	b.Holds("app", map[string]string{"user": "u0", "password": "p0"})
	neverMixed(b, b.NS, "app", 20, func(i int) {
		put(i)
		b.Poke("app")
	})
}

// TestReadyIsAboutTheGenerationThatItNames is promise 10.
func TestReadyIsAboutTheGenerationThatItNames(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Put("db", map[string]any{"password": "one"})
	start := time.Now().Truncate(time.Second)
	b.Apply(operatortest.VaultStore + app("Retain"))
	es := b.Synced("app")
	first := es.Status.RefreshTime
	if first == nil || first.Time.Before(start) || es.Status.Conditions[0].ObservedGeneration != es.Generation {
		t.Fatalf("status %+v of generation %d", es.Status, es.Generation)
	}
	b.Apply(strings.Replace(app("Retain"), "property: password", "property: nothing", 1))
	es = b.Failed("app", "nothing") // waits for the new generation
	if c := es.Status.Conditions[0]; c.ObservedGeneration != es.Generation {
		t.Errorf("the condition is about generation %d of %d", c.ObservedGeneration, es.Generation)
	}
	if !es.Status.RefreshTime.Equal(first) {
		t.Errorf("a failure moved the age of the last success from %v to %v", first, es.Status.RefreshTime)
	}
}

// TestAStatusThatCouldNotBeWrittenIsWrittenLater, though nothing else is left
// to be done.
func TestAStatusThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"cut":     testkit.ErrCut,
		"refused": testkit.Answer{Status: http.StatusInternalServerError, Body: `{"kind":"Status","apiVersion":"v1","status":"Failure","code":500}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithoutOperator(t)
			tap := &testkit.Tap{}
			b.Operate(throughTap(b, tap))
			b.Put("db", map[string]any{"password": "one"})
			b.Apply(ours(operatortest.VaultStore + app("Retain")))
			s := b.Holds("app", map[string]string{"password": "one"})
			b.Synced("app")
			var failed atomic.Int32
			tap.Set(func(r *http.Request) error {
				if onStatus(r) && failed.Add(1) <= 2 {
					return err
				}
				return nil
			}, nil)
			s.Data["password"] = []byte("edited")
			must(t, b.Update(t.Context(), s))
			b.Eventually(func() error {
				es, s := b.ExternalSecret("app"), b.Secret("app")
				if string(s.Data["password"]) != "one" || es.Status.Binding.ResourceVersion != s.ResourceVersion {
					return fmt.Errorf("the Secret holds %q in version %s, and version %s is told", s.Data["password"], s.ResourceVersion, es.Status.Binding.ResourceVersion)
				}
				return nil
			})
		})
	}
}
