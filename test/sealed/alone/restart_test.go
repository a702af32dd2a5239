package alone_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// knows waits until an operator knows that so many objects are synced.
func (b bed) knows(metrics prometheus.Gatherer, want int) {
	b.T.Helper()
	b.Eventually(func() error {
		families, err := metrics.Gather()
		b.Must(err)
		got := 0
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if f.GetName() == "tacit_objects" && l.GetName() == "result" && l.GetValue() == "Synced" {
						got += int(m.GetGauge().GetValue())
					}
				}
			}
		}
		return check(got == want, "the operator knows %d synced objects, want %d", got, want)
	})
}

// tapped runs an operator whose requests are written down.
func (b bed) tapped() (tap *testkit.Tap, metrics prometheus.Gatherer, stop func()) {
	b.T.Helper()
	tap, registry := &testkit.Tap{}, prometheus.NewRegistry()
	_, stop = b.serve(func(o *operator.Options) { o.Config, o.Registerer = tap.Config(o.Config), registry })
	return tap, registry, stop
}

// quiet fails if anything was written but leases, and keys of the operator's.
func (b bed) quiet(tap *testkit.Tap) {
	b.T.Helper()
	for _, c := range tap.Which(func(c testkit.Call) bool {
		return c.Writes() && (c.OnSecrets() || c.On("sealedsecrets") || c.On("events"))
	}) {
		b.T.Errorf("it wrote: %s %s %s", c.Method, c.Path, c.Query)
	}
}

// TestARestartWithNothingChangedWritesNothing: neither a Secret nor a status nor
// an event, however the Secret is held.
func TestARestartWithNothingChangedWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	b.Apply(`
apiVersion: v1
kind: Secret
metadata: {name: patched, annotations: {sealedsecrets.bitnami.com/patch: "true"}}
stringData: {theirs: x}
---
apiVersion: v1
kind: Secret
metadata: {name: given, annotations: {sealedsecrets.bitnami.com/managed: "true"}}
stringData: {theirs: x}
`)
	const skip = `template: {metadata: {annotations: {sealedsecrets.bitnami.com/skip-set-owner-references: "true"`
	specs := map[string]string{
		"plain": "", "patched": "", "given": "",
		"frozen":          `template: {immutable: true, type: example.com/x, metadata: {labels: {a: b}, finalizers: [example.com/keep]}}`,
		"rendered":        `template: {data: {url: "x{{ .k }}"}}`,
		"unowned":         skip + `}}}`,
		"unowned-managed": skip + `, sealedsecrets.bitnami.com/managed: "true"}}}`,
		"patching-itself": `template: {metadata: {annotations: {sealedsecrets.bitnami.com/patch: "true"}}}`,
	}
	_, _, stop := b.tapped()
	for name, spec := range specs {
		b.SealAndApply(name, values{"k": "v"}, spec)
	}
	for name := range specs {
		b.Synced(name)
	}
	stop()

	tap, metrics, stop := b.tapped()
	b.knows(metrics, len(specs))
	stop()
	b.quiet(tap)
	for name := range specs {
		b.Synced(name)
	}
	sealedtest.Change(b.Bed, b.Secret("frozen"), func(s *corev1.Secret) { s.Finalizers = nil })
}

// TestWhatHappenedMeanwhileIsFound after a start: a Secret that was edited, one
// that was deleted, and a SealedSecret that was changed.
func TestWhatHappenedMeanwhileIsFound(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	_, stop := b.serve(nil)
	for _, name := range []string{"edited", "deleted", "changed"} {
		b.SealAndApply(name, values{"k": "one"}, "")
		b.Synced(name)
	}
	stop()
	sealedtest.Change(b.Bed, b.Secret("edited"), func(s *corev1.Secret) { s.Data["k"] = []byte("edited") })
	b.Must(b.Delete(t.Context(), b.Secret("deleted")))
	b.SealAndApply("changed", values{"k": "two"}, "")
	b.serve(nil)
	b.Holds("edited", values{"k": "one"})
	b.Holds("deleted", values{"k": "one"})
	b.Holds("changed", values{"k": "two"})
}

// TestWhatTheOriginalMadeIsTakenOver as it is, and kept from then on. Only the
// status learns something: which key it was sealed for.
func TestWhatTheOriginalMadeIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	b.SealAndApply("app", values{"k": "one"}, `template: {metadata: {name: app, labels: {a: x, b: z}}}`)
	ss := b.SealedSecret("app")
	yes := true
	b.Must(b.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app", Labels: map[string]string{"a": "x", "b": "z"}, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "bitnami.com/v1alpha1", Kind: "SealedSecret", Name: "app", UID: ss.UID, Controller: &yes,
		}}},
		Data: map[string][]byte{"k": []byte("one")},
	}, client.FieldOwner("controller")))
	ss.Status = v1alpha1.SealedSecretStatus{ObservedGeneration: ss.Generation, Conditions: []v1alpha1.Condition{{
		Type: "Synced", Status: "True", LastUpdateTime: "2026-01-01T00:00:00Z", LastTransitionTime: "2026-01-01T00:00:00Z",
	}}}
	b.Must(b.Status().Update(t.Context(), ss))
	before := b.Secret("app")

	tap, metrics, _ := b.tapped()
	b.knows(metrics, 1)
	b.Eventually(func() error {
		key := b.SealedSecret("app").Status.SealedFor
		return check(key == b.Key.Fingerprint(t), "sealed for %q", key)
	})
	wrote := tap.Which(func(c testkit.Call) bool {
		return c.Writes() && (c.OnSecrets() || c.On("sealedsecrets") || c.On("events"))
	})
	if len(wrote) != 1 || !wrote[0].On("sealedsecrets") {
		t.Errorf("it wrote %v", wrote)
	}
	if after := b.Secret("app"); after.ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was written")
	}
	b.SealAndApply("app", values{"l": "two"}, `template: {metadata: {labels: {a: x}}}`)
	s := b.Holds("app", values{"l": "two"})
	if s.UID != before.UID || s.Labels["a"] != "x" || s.Labels["b"] != "" {
		t.Errorf("labels %v", s.Labels)
	}
	b.Synced("app")
}

// frugal fails if objects that were served for the first time cost more than a
// write of the Secret and one of the status each. A third more leaves room for
// what a slow machine has tried again.
func (b bed) frugal(tap *testkit.Tap, objects int) {
	b.T.Helper()
	for what, c := range map[string]struct {
		most int
		is   func(testkit.Call) bool
	}{
		"writes of Secrets":  {objects + objects/3, func(c testkit.Call) bool { return c.Writes() && c.OnSecrets() }},
		"writes of statuses": {objects + objects/3, func(c testkit.Call) bool { return c.Writes() && c.On("sealedsecrets") }},
		"reads of one object": {objects / 3, func(c testkit.Call) bool {
			return !c.Writes() && (strings.Contains(c.Path, "/secrets/") || strings.Contains(c.Path, "/sealedsecrets/"))
		}},
	} {
		got := len(tap.Which(c.is))
		b.T.Logf("%d %s", got, what)
		if got > c.most {
			b.T.Errorf("%d objects cost %d %s, want at most %d", objects, got, what, c.most)
		}
	}
}

// TestThreeHundredFromAColdStart runs alone, for it tells how long they take,
// with a key of the size that clusters have. On two processors that nobody else
// uses they take about as long as the decryptions, one at a time; here they must
// be done before a test gives up.
func TestThreeHundredFromAColdStart(t *testing.T) {
	const n = 300
	b := newBed(t, 4096)
	for i := range n {
		name := fmt.Sprintf("app-%03d", i)
		entries, err := json.Marshal(b.Sealed(name, values{"k": name}))
		b.Must(err)
		ss := &v1alpha1.SealedSecret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name}}
		b.Must(json.Unmarshal(entries, &ss.Spec.EncryptedData))
		b.Must(b.Create(t.Context(), ss))
	}
	start := time.Now()
	tap, _, _ := b.tapped()
	b.Eventually(func() error {
		list := &v1alpha1.SealedSecretList{}
		b.Must(b.List(t.Context(), list, client.InNamespace(b.NS)))
		done := 0
		for i := range list.Items {
			if c := list.Items[i].Status.Conditions; len(c) == 1 && c[0].Status == "True" {
				done++
			}
		}
		return check(done == n, "%d of %d are synced", done, n)
	})
	t.Logf("%d SealedSecrets took %s", n, time.Since(start))
	b.frugal(tap, n)
	for _, i := range []int{0, 150, 299} {
		name := fmt.Sprintf("app-%03d", i)
		b.Holds(name, values{"k": name})
	}
}
