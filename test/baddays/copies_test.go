package baddays

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// askFor is how a Secret called name is copied to the namespaces that have the
// label team with the value of the source's namespace.
var askFor = map[string]func(b *operatortest.Bed, name string, others ...string) map[string]string{
	"mirrors": func(b *operatortest.Bed, name string, others ...string) map[string]string {
		b.Apply(fmt.Sprintf("{apiVersion: mirrors.kts.studio/v1alpha2, kind: SecretMirror, metadata: {name: %s}, spec: {destination: {namespaces: [%q]}}}",
			name, "^("+strings.Join(others, "|")+")$"))
		return nil
	},
	"reflector": func(b *operatortest.Bed, _ string, _ ...string) map[string]string {
		const prefix = "reflector.v1.k8s.emberstack.com/"
		return map[string]string{prefix + "reflection-allowed": "true", prefix + "reflection-auto-enabled": "true", prefix + "reflection-auto-namespaces-selector": "team=" + b.NS}
	},
	"kubed": func(b *operatortest.Bed, _ string, _ ...string) map[string]string {
		return map[string]string{"kubed.appscode.com/sync": "team=" + b.NS}
	},
}

// team is a namespace that wants the copies of the bed's.
func team(b *operatortest.Bed) string {
	b.T.Helper()
	name := testkit.Namespace(b.T, b.Plane)
	patch := fmt.Sprintf(`{"metadata":{"labels":{"team":%q}}}`, b.NS)
	must(b.T, b.Patch(b.T.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, client.RawPatch("application/merge-patch+json", []byte(patch))))
	return name
}

// TestCopiesAreNeverMixed is promise 4: who watches a copy sees both keys old or
// both new, in each language that copies, and for DopplerSecret.
func TestCopiesAreNeverMixed(t *testing.T) {
	t.Parallel()
	const rounds = 15
	for lang, ask := range askFor {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			other := team(b)
			source := create(b, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "pair", Annotations: ask(b, "pair", other)},
				StringData: map[string]string{"user": "u0", "password": "p0"},
			})
			copyOf(b, other, "pair", "user", "u0")
			neverMixed(b, other, "pair", rounds, func(i int) {
				source.StringData = map[string]string{"user": fmt.Sprint("u", i), "password": fmt.Sprint("p", i)}
				must(t, b.Update(t.Context(), source))
			})
		})
	}
	t.Run("doppler", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		put := func(i int) string {
			token, err := testkit.SharedClouds(t).Doppler.Config(t.Context(), b.NS, "prd", map[string]string{"USER": fmt.Sprint("u", i), "PASSWORD": fmt.Sprint("p", i)})
			must(t, err)
			return token
		}
		create(b, &corev1.Secret{ObjectMeta: meta("token"), StringData: map[string]string{"serviceToken": put(0)}})
		b.Apply("{apiVersion: secrets.doppler.com/v1alpha1, kind: DopplerSecret, metadata: {name: pair}, spec: " +
			"{host: $DOPPLER, resyncSeconds: 1, tokenSecret: {name: token}, managedSecret: {name: pair}, nameTransformer: lower-snake, secrets: [USER, PASSWORD]}}")
		copyOf(b, b.NS, "pair", "user", "u0")
		neverMixed(b, b.NS, "pair", 4, func(i int) { put(i) })
	})
}

// neverMixed changes a Secret's source again and again under somebody who looks
// all the time.
func neverMixed(b *operatortest.Bed, namespace, name string, rounds int, change func(i int)) {
	b.T.Helper()
	ctx, cancel := context.WithCancel(b.T.Context())
	var seen atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			s := &corev1.Secret{}
			if b.Get(ctx, keyOf(namespace, name), s) != nil {
				continue
			}
			seen.Add(1)
			if u, p := string(s.Data["user"]), string(s.Data["password"]); len(s.Data) != 2 || len(u) < 2 || len(p) < 2 || u[1:] != p[1:] {
				b.T.Errorf("saw user %s with password %s", u, p)
			}
		}
	}()
	for i := 1; i <= rounds; i++ {
		before := seen.Load()
		change(i)
		copyOf(b, namespace, name, "user", fmt.Sprint("u", i))
		b.Eventually(func() error {
			if seen.Load() == before {
				return errors.New("nobody looks")
			}
			return nil
		})
	}
	cancel()
	<-ended
}

// TestAPlaceInTroubleHurtsNoOther: a namespace that goes, one that is full, one
// where such a Secret is held, immutable or somebody else's; all others are
// served, now and later, and what could not be done is told.
func TestAPlaceInTroubleHurtsNoOther(t *testing.T) {
	t.Parallel()
	for lang, ask := range askFor {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			yes := true
			place := map[string]string{}
			for _, trouble := range []string{"first", "going", "full", "immutable", "foreign", "held", "last"} {
				place[trouble] = team(b)
			}
			in := func(namespace string, s *corev1.Secret) {
				t.Helper()
				s.Namespace = namespace
				must(t, b.Create(t.Context(), s))
			}
			in(place["immutable"], &corev1.Secret{ObjectMeta: meta("app"), Immutable: &yes, StringData: map[string]string{"k": "theirs"}})
			in(place["foreign"], &corev1.Secret{ObjectMeta: meta("app"), StringData: map[string]string{"k": "theirs"}})
			in(place["held"], &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "app", Finalizers: []string{"example.com/hold"}}, StringData: map[string]string{"k": "theirs"}})
			must(t, b.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: place["held"], Name: "app"}}))
			holder := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: place["going"], Name: "holder", Finalizers: []string{"example.com/hold"}}}
			must(t, b.Create(t.Context(), holder))
			must(t, b.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place["going"]}}))
			quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: place["full"], Name: "full"}}
			quota.Spec.Hard = corev1.ResourceList{"count/secrets": resource.MustParse("0")}
			must(t, b.Create(t.Context(), quota))
			quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, quota.Spec.Hard
			must(t, b.Status().Update(t.Context(), quota))

			var others []string
			for _, ns := range place {
				others = append(others, ns)
			}
			source := create(b, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: ask(b, "app", others...)}, StringData: map[string]string{"k": "one"},
			})
			copyOf(b, place["first"], "app", "k", "one")
			copyOf(b, place["last"], "app", "k", "one")
			if lang == "mirrors" {
				mirrorSays(b, "app", "Error", "unable to sync some objects")
			} else {
				told(b, "app", place["foreign"])
			}
			source.StringData = map[string]string{"k": "two"}
			must(t, b.Update(t.Context(), source))
			copyOf(b, place["first"], "app", "k", "two")
			copyOf(b, place["last"], "app", "k", "two")
			for _, theirs := range []string{"immutable", "foreign", "held"} {
				copyOf(b, place[theirs], "app", "k", "theirs")
			}
			// What gets out of trouble is served.
			must(t, b.Delete(t.Context(), quota))
			held := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: place["held"], Name: "app"}}
			must(t, b.Patch(t.Context(), held, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
			must(t, b.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: place["foreign"], Name: "app"}}))
			for _, mended := range []string{"held", "foreign", "full"} {
				copyOf(b, place[mended], "app", "k", "two")
			}
			must(t, b.Patch(t.Context(), holder, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
		})
	}
}

// told waits for a warning about the Secret that names a place.
func told(b *operatortest.Bed, name, place string) {
	b.T.Helper()
	b.Eventually(func() error { return warned(b, name, place) })
}

// warned fails unless there is such a warning.
func warned(b *operatortest.Bed, name, part string) error {
	b.T.Helper()
	list := &corev1.EventList{}
	must(b.T, b.List(b.T.Context(), list, client.InNamespace(b.NS)))
	var saw []string
	for _, e := range list.Items {
		if e.InvolvedObject.Name == name && e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, part) {
			return nil
		}
		saw = append(saw, e.Message)
	}
	return fmt.Errorf("no warning about %s names %s: %q", name, part, saw)
}

// TestTheLargestSecretIsCopied: one of 1 MiB, with all the annotations that it
// can have. What does not fit beside them is told.
func TestTheLargestSecretIsCopied(t *testing.T) {
	t.Parallel()
	for lang, ask := range askFor {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			other := team(b)
			most := strings.Repeat("x", corev1.MaxSecretSize)
			create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "most", Annotations: ask(b, "most", other)}, StringData: map[string]string{"k": most}})
			copyOf(b, other, "most", "k", most)
			annotations := ask(b, "noted", other)
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations["example.com/note"] = strings.Repeat("x", 256<<10-1200)
			create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "noted", Annotations: annotations}, StringData: map[string]string{"k": "v"}})
			copyOf(b, other, "noted", "k", "v")
		})
	}
}

// TestAStatusIsNeverStale is promise 10 for SecretMirror and DopplerSecret:
// what it says is about the generation that it names, and a failure does not
// pass for a success, nor move the age of the last one.
func TestAStatusIsNeverStale(t *testing.T) {
	t.Parallel()
	t.Run("mirrors", func(t *testing.T) {
		t.Parallel()
		b, other := beside(t)
		vaultToken(b)
		b.Put("db", map[string]any{"password": "one"})
		b.Apply(readMirror("app", fmt.Sprintf("namespaces: [^%s$]", other)))
		good := mirrorSays(b, "app", "Active")
		b.Apply(strings.Replace(readMirror("app", fmt.Sprintf("namespaces: [^%s$]", other)), "$NS/db", "$NS/none", 1))
		bad := mirrorSays(b, "app", "Error", "does not exist")
		if c := bad.Status.Conditions[0]; c.ObservedGeneration != bad.Generation || bad.Generation == good.Generation || c.Status != "False" {
			t.Errorf("the condition is %+v at generation %d", c, bad.Generation)
		}
		b.Apply(readMirror("app", "namespaces: ['(']"))
		worse := mirrorSays(b, "app", "Error", "spec.destination.namespaces[0]")
		if worse.Status.LastSyncTime < good.Status.LastSyncTime || worse.Status.LastSyncTime == "" {
			t.Errorf("the last success was at %s, and now at %s", good.Status.LastSyncTime, worse.Status.LastSyncTime)
		}
	})
	t.Run("doppler", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		token, err := testkit.SharedClouds(t).Doppler.Config(t.Context(), b.NS, "prd", map[string]string{"K": "one"})
		must(t, err)
		create(b, &corev1.Secret{ObjectMeta: meta("token"), StringData: map[string]string{"serviceToken": token}})
		spec := "{apiVersion: secrets.doppler.com/v1alpha1, kind: DopplerSecret, metadata: {name: app}, spec: {host: $DOPPLER, tokenSecret: {name: token}, managedSecret: {name: app}%s}}"
		says := func(status metav1.ConditionStatus) {
			t.Helper()
			b.Eventually(func() error {
				ds := &dopplerv1.DopplerSecret{}
				must(t, b.Get(t.Context(), keyOf(b.NS, "app"), ds))
				for _, c := range ds.Status.Conditions {
					if c.ObservedGeneration != ds.Generation || c.Status != status {
						return fmt.Errorf("generation %d says %+v", ds.Generation, c)
					}
				}
				if len(ds.Status.Conditions) != 2 {
					return fmt.Errorf("it says %+v", ds.Status)
				}
				return nil
			})
		}
		for range 2 {
			b.Apply(fmt.Sprintf(spec, ""))
			says(metav1.ConditionTrue)
			b.Apply(fmt.Sprintf(spec, ", project: none, config: none"))
			says(metav1.ConditionFalse)
		}
	})
}
