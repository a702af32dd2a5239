// Package counted_test counts what ExternalSecrets cost: requests to the API
// server and to Vault. Requests are counted when the operator makes them: the
// API server's own metrics count them some time after their effect is seen.
package counted_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// bed counts the way to Vault too.
type bed struct {
	*operatortest.Bed
	proxy *testkit.Proxy
	tap   *testkit.Tap
}

func newBed(t *testing.T) bed {
	t.Helper()
	b := operatortest.WithoutOperator(t)
	proxy := testkit.NewProxy(t, b.Vault.Addr, nil)
	b.VaultAddr = proxy.URL
	b.Apply(operatortest.VaultStore)
	return bed{b, proxy, &testkit.Tap{}}
}

// operate runs an operator for the bed's namespace.
func (b bed) operate() (metrics prometheus.Gatherer, stop func()) {
	b.T.Helper()
	registry := prometheus.NewRegistry()
	_, stop = b.Operate(func(o *operator.Options) {
		o.Namespaces, o.Registerer, o.Config = []string{b.NS}, registry, b.tap.Config(o.Config)
		o.Languages.Without = []string{"sealed-secrets"} // its keys are looked for, too
	})
	return registry, stop
}

// knows waits until the operator knows that so many objects are synced.
func (b bed) knows(metrics prometheus.Gatherer, want int) {
	b.T.Helper()
	b.Eventually(func() error {
		families, err := metrics.Gather()
		if err != nil {
			return err
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if f.GetName() == "tacit_objects" && l.GetName() == "result" && l.GetValue() == "Synced" && int(m.GetGauge().GetValue()) == want {
						return nil
					}
				}
			}
		}
		return fmt.Errorf("the operator does not know %d synced objects; %s", want, b.States())
	})
}

// values counts the reads of secrets' values by key since the last reset.
func (b bed) values() map[string]int {
	reads := map[string]int{}
	for path, n := range b.proxy.Counts() {
		if key, ok := strings.CutPrefix(path, "/v1/secret/data/"+b.NS+"/"); ok {
			reads[key] = n
		}
	}
	return reads
}

// requests counts what the operator asks for while f runs, of the kinds that
// matter here. Watches are left out, and what CaughtUp made.
func (b bed) requests(f func()) map[testkit.Request]int {
	b.T.Helper()
	b.tap.Reset()
	f()
	all := map[testkit.Request]int{}
	for _, c := range b.tap.Which(func(c testkit.Call) bool {
		return !c.Watches() && c.Query != ownKey && !strings.Contains(c.Path, "caught-up")
	}) {
		if r := request(c); r.Resource == "secrets" || r.Resource == "externalsecrets" || r.Resource == "secretstores" || r.Resource == "configmaps" {
			all[r]++
		}
	}
	return all
}

// ownKey is the query with which the operator makes a Secret for itself.
const ownKey = "fieldManager=tacit"

// request is what a call is, as the API server names it.
func request(c testkit.Call) testkit.Request {
	_, rest, _ := strings.Cut(c.Path, "/namespaces/")
	parts := strings.Split(rest, "/")[1:] // without the namespace
	r := testkit.Request{Verb: c.Method}
	if len(parts) > 0 {
		r.Resource = parts[0]
	}
	if len(parts) > 2 {
		r.Subresource = parts[2]
	}
	if c.Method == http.MethodGet && len(parts) == 1 {
		r.Verb = "LIST"
	}
	return r
}

// secretRequests leaves the requests for Secrets and ConfigMaps.
func secretRequests(all map[testkit.Request]int) map[testkit.Request]int {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(r testkit.Request, _ int) bool { return r.Resource != "secrets" && r.Resource != "configmaps" })
	return out
}

func es(name, spec string, keys ...string) string {
	var data []string
	for _, k := range keys {
		data = append(data, "{secretKey: "+k+", remoteRef: {key: $NS/"+k+", property: v}}")
	}
	return "\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: " + name + "}\nspec:\n" +
		"  secretStoreRef: {name: vault}\n  target: {template: {}}\n  " + spec + "\n  data: [" + strings.Join(data, ", ") + "]\n"
}

// yearly is far off: a tick may be at any time within the interval, and that of
// an hour would be now, once in a while.
const yearly = "refreshInterval: 8760h"

var patchStatus = testkit.Request{Verb: "PATCH", Resource: "externalsecrets", Subresource: "status"}

// sync asks for one and learns of its end by the status, so that the test
// itself asks nothing about Secrets.
func (b bed) sync(name string) {
	b.T.Helper()
	before := b.ExternalSecret(name).Status.SyncedResourceVersion
	b.Poke(name)
	b.Eventually(func() error {
		if b.ExternalSecret(name).Status.SyncedResourceVersion == before {
			return fmt.Errorf("not synced; %s", b.States())
		}
		return nil
	})
}

func TestRequestsToTheAPIServer(t *testing.T) {
	for name, part := range map[string]func(*testing.T, bed){
		"a new object and a change cost a write of the Secret and one of the status": changes,
		"a refresh that finds nothing new asks for no Secret":                        refreshes,
		"a restart with nothing changed writes and reads nothing":                    restart,
	} {
		t.Run(name, func(t *testing.T) { part(t, newBed(t)) })
	}
}

func TestManyObjectsThatReadTheSameKeysCostOneReadAKey(t *testing.T) {
	b := newBed(t)
	keys := []string{"k0", "k1", "k2", "k3", "k4"}
	for _, k := range keys {
		b.Put(k, map[string]any{"v": "value of " + k})
	}
	const objects = 50
	var all strings.Builder
	for i := range objects {
		all.WriteString(es(fmt.Sprintf("app-%d", i), yearly, keys...))
	}
	b.Apply(all.String())
	metrics, _ := b.operate()
	b.knows(metrics, objects)
	if got := b.values(); len(got) != len(keys) || sum(got) != len(keys) {
		t.Errorf("%d objects with %d keys cost the reads %v", objects, len(keys), got)
	}
	for i := range objects {
		if s := b.Secret(fmt.Sprintf("app-%d", i)); s == nil || len(s.Data) != len(keys) {
			t.Fatalf("Secret %d is %v", i, s)
		}
	}
}

func TestAWaveOfRefreshesCostsOneReadAKey(t *testing.T) {
	b := newBed(t)
	keys := []string{"k0", "k1", "k2", "k3", "k4"}
	for _, k := range keys {
		b.Put(k, map[string]any{"v": "value of " + k})
	}
	const objects = 50
	const interval = 2 * time.Second
	var all strings.Builder
	for i := range objects {
		all.WriteString(es(fmt.Sprintf("app-%d", i), "refreshInterval: "+interval.String(), keys...))
	}
	b.Apply(all.String())
	metrics, _ := b.operate()
	b.knows(metrics, objects)
	start := time.Now()
	b.proxy.ResetCounts()
	b.Eventually(func() error {
		if got := b.values(); got["k0"] < 4 {
			return fmt.Errorf("reads so far: %v", got)
		}
		return nil
	})
	// One may have been under way when the count began, and one have just begun.
	values := b.values()
	waves := int(time.Since(start)/interval) + 2
	for key, n := range values {
		if n > waves {
			t.Errorf("%s was read %d times in %d waves", key, n, waves)
		}
	}
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

func changes(t *testing.T, b bed) {
	metrics, _ := b.operate()
	b.Put("app", map[string]any{"v": "one"})
	b.Apply(es("first", yearly, "app"))
	b.Synced("first")

	got := b.requests(func() {
		b.Apply(es("app", yearly, "app"))
		b.knows(metrics, 2)
		b.Synced("app")
	})
	if want := map[testkit.Request]int{{Verb: "POST", Resource: "secrets"}: 1}; !maps.Equal(secretRequests(got), want) || got[patchStatus] != 1 {
		t.Errorf("a new object costs %v", got)
	}

	b.CaughtUp("") // a Secret that the watch has not brought yet is read before it is written
	b.Put("app", map[string]any{"v": "two"})
	got = b.requests(func() { b.sync("app") })
	if want := map[testkit.Request]int{{Verb: "PATCH", Resource: "secrets"}: 1}; !maps.Equal(secretRequests(got), want) || got[patchStatus] != 1 {
		t.Errorf("a change costs %v", got)
	}
	b.Holds("app", map[string]string{"app": "two"})

	got = b.requests(func() { b.sync("app") })
	if len(secretRequests(got)) != 0 || got[patchStatus] != 1 {
		t.Errorf("a sync that finds nothing new costs %v", got)
	}
}

func refreshes(t *testing.T, b bed) {
	metrics, _ := b.operate()
	const objects = 5
	for i := range objects {
		key := fmt.Sprintf("app-%d", i)
		b.Put(key, map[string]any{"v": "one"})
		b.Apply(es(key, "refreshInterval: 1s", key))
	}
	b.knows(metrics, objects)
	for i := range objects {
		b.Synced(fmt.Sprintf("app-%d", i))
	}
	b.CaughtUp("") // a Secret that the watch has not brought yet is read to see what it holds
	b.proxy.ResetCounts()
	const rounds = 3
	got := b.requests(func() {
		b.Eventually(func() error {
			for i := range objects {
				if n := b.values()[fmt.Sprintf("app-%d", i)]; n < rounds {
					return fmt.Errorf("refreshes so far: %v", b.values())
				}
			}
			return nil
		})
	})
	if len(secretRequests(got)) != 0 {
		t.Errorf("refreshing costs %v", got)
	}
	delete(got, patchStatus)
	if len(got) != 0 {
		t.Errorf("beside the status, refreshing costs %v", got)
	}
}

func restart(t *testing.T, b bed) {
	metrics, stop := b.operate()
	b.Put("app", map[string]any{"v": "one"})
	policies := map[string]string{
		"owner":  yearly,
		"once":   "refreshPolicy: CreatedOnce",
		"change": "refreshPolicy: OnChange",
		"never":  "refreshInterval: 0s",
	}
	var names []string
	for name, spec := range policies {
		names = append(names, name)
		b.Apply(es(name, spec, "app"))
	}
	for _, creation := range []string{"Orphan", "CreateOrMerge", "None"} {
		name := "with-" + strings.ToLower(creation)
		names = append(names, name)
		b.Apply(strings.Replace(es(name, yearly, "app"), "template: {}", "creationPolicy: "+creation+", template: {}", 1))
	}
	const objects = 7
	b.knows(metrics, objects)
	for _, name := range names { // that is what the operator knows, and this what it has told
		b.Synced(name)
	}
	before := b.versions()
	stop()
	b.proxy.ResetCounts()

	got := b.requests(func() {
		metrics, stop = b.operate()
		b.knows(metrics, objects)
	})
	if after := b.versions(); !maps.Equal(before, after) {
		t.Errorf("objects changed from %v to %v", before, after)
	}
	if reads := b.values(); len(reads) != 0 {
		t.Errorf("a restart read %v from Vault", reads)
	}
	for r, n := range got {
		if r.Verb != "LIST" && r.Verb != "GET" || r.Resource == "externalsecrets" && r.Verb == "GET" {
			t.Errorf("a restart costs %d of %v", n, r)
		}
	}
	// Drift that happened meanwhile is seen.
	stop()
	s := b.Secret("owner")
	patch := client.MergeFrom(s.DeepCopy())
	s.Data["app"] = []byte("drift")
	if err := b.Patch(t.Context(), s, patch); err != nil {
		t.Fatal(err)
	}
	b.operate()
	b.Holds("owner", map[string]string{"app": "one"})
}

// versions are the resource versions of all objects and Secrets.
func (b bed) versions() map[string]string {
	b.T.Helper()
	out := map[string]string{}
	objects, secrets := &esv1.ExternalSecretList{}, &corev1.SecretList{}
	for _, list := range []client.ObjectList{objects, secrets} {
		if err := b.List(b.T.Context(), list, client.InNamespace(b.NS)); err != nil {
			b.T.Fatal(err)
		}
	}
	for _, o := range objects.Items {
		out["object "+o.Name] = o.ResourceVersion
	}
	for _, s := range secrets.Items {
		out["Secret "+s.Name] = s.ResourceVersion
	}
	return out
}

func TestAFailingObjectDoesNotHammerAnybody(t *testing.T) {
	b := newBed(t)
	b.operate()
	start := time.Now()
	b.Apply(es("app", yearly, "nope"))
	b.Failed("app", "does not exist")
	key := types.NamespacedName{Namespace: b.NS, Name: "app"}
	before := &esv1.ExternalSecret{}
	if err := b.Get(t.Context(), key, before); err != nil {
		t.Fatal(err)
	}
	b.Eventually(func() error {
		if n := b.values()["nope"]; n < 4 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("four tries within %v", took)
	}
	after := &esv1.ExternalSecret{}
	if err := b.Get(t.Context(), key, after); err != nil {
		t.Fatal(err)
	}
	if before.ResourceVersion != after.ResourceVersion {
		t.Error("a failure that repeats writes the status again and again")
	}
}
