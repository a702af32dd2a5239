package externalsecrets_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

func TestAnImmutableTargetStaysAndSaysSo(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", ", immutable: true")+one("app")))
	s := b.holds("app", "v", "one")
	if s.Immutable == nil || !*s.Immutable {
		t.Error("it is not immutable")
	}
	b.Synced("app")
	b.putOne("app", "two")
	b.Poke("app")
	b.Ready("app", corev1.ConditionTrue, "SecretSynced", "secret synced", "Secret app is immutable")
	b.sync("app")
	b.Ready("app", corev1.ConditionTrue, "SecretSynced", "Secret app is immutable")
	b.stays(s)

	b.remove(s)
	b.holds("app", "v", "two")
	b.Eventually(func() error {
		if m := b.ExternalSecret("app").Status.Conditions[0].Message; m != "secret synced" {
			return fmt.Errorf("the message is still %q", m)
		}
		return nil
	})
}

func TestASecretThatSomebodyElseFroze(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	frozen := plain("app", "v", "frozen")
	yes := true
	frozen.Immutable = &yes
	b.make(frozen)
	b.Apply(es("app", target("Orphan", "")+one("app")))
	b.Failed("app", "could not update secret, target is immutable", "Secret app")
	b.stays(frozen)
	b.remove(frozen)
	b.holds("app", "v", "one")
	b.Synced("app")
}

func TestAChangeOfTypeIsRefused(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	s := b.holds("app", "v", "one")
	b.Synced("app")
	b.Apply(es("app", "target: {template: {type: example.com/other}}"+one("app")))
	b.Failed("app", "could not update secret", "Secret app", "type", "immutable")
	b.stays(s)
	b.remove(s)
	if got := b.holds("app", "v", "one"); got.Type != "example.com/other" {
		t.Errorf("its type is %s", got.Type)
	}
	b.Synced("app")
}

func TestTwoObjectsThatWantTheSameSecret(t *testing.T) {
	for _, policy := range []string{"Owner", "Orphan", "CreateOrMerge"} {
		t.Run(policy, func(t *testing.T) {
			b := vaultBed(t)
			b.putOne("first", "one")
			b.putOne("second", "two")
			terms := target(policy, ", name: shared")
			b.Apply(es("first", terms+one("first")))
			s := b.holds("shared", "v", "one")
			b.Synced("first")
			b.Apply(es("second", terms+one("second")))
			b.Failed("second", "target is owned by another ExternalSecret", "shared")
			for range 5 {
				b.sync("first")
				b.Poke("second")
				b.Failed("second", "target is owned by another ExternalSecret")
				b.stays(s)
			}
			b.Synced("first")
			if policy != "Owner" {
				return
			}
			b.remove(b.ExternalSecret("first"))
			b.holds("shared", "v", "two")
			b.Synced("second")
		})
	}
}

func TestTwoObjectsMergeDifferentKeys(t *testing.T) {
	b := vaultBed(t)
	b.putOne("a", "one")
	b.putOne("b", "two")
	b.make(plain("shared", "foreign", "x"))
	entry := func(key string) string {
		return "\ndata: [{secretKey: " + key + ", remoteRef: {key: $NS/" + key + ", property: v}}]"
	}
	b.Apply(es("first", target("Merge", ", name: shared")+entry("a")) + es("second", target("Merge", ", name: shared")+entry("b")))
	b.Synced("first")
	b.Synced("second")
	s := b.holds("shared", "foreign", "x", "a", "one", "b", "two")
	for range 3 {
		b.sync("first")
		b.sync("second")
	}
	b.stays(s)
	b.Apply(es("third", target("Merge", ", name: shared")+entry("a")))
	b.Failed("third", "target is owned by another ExternalSecret", `"a"`, "shared")
	b.stays(s)
}

// writes watches a Secret from how it is, and returns the functions that wait
// a moment for n writes, and that count all writes so far.
func (b bed) writes(s *corev1.Secret) (count func() int, until func(n int)) {
	b.T.Helper()
	clients, err := kubernetes.NewForConfig(b.Plane.Config())
	if err != nil {
		b.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.T.Cleanup(cancel)
	w, err := clients.CoreV1().Secrets(b.NS).Watch(ctx, metav1.ListOptions{ResourceVersion: s.ResourceVersion})
	if err != nil {
		b.T.Fatal(err)
	}
	n, last := 0, ""
	next := func(limit <-chan time.Time) bool {
		select {
		case e := <-w.ResultChan():
			got, ok := e.Object.(*corev1.Secret)
			if !ok {
				b.T.Fatalf("the watch ended: %v", e.Object)
			}
			last = got.Name
			if last == s.Name && (e.Type == watch.Added || e.Type == watch.Modified) {
				n++
			}
			return true
		case <-limit:
			return false
		}
	}
	until = func(want int) {
		b.T.Helper()
		for limit := time.After(atOnce); n < want; {
			if !next(limit) {
				b.T.Fatalf("%d writes of Secret %s at once, want %d", n, s.Name, want)
			}
		}
	}
	count = func() int {
		b.T.Helper()
		mark := b.make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "mark-"}})
		for limit := time.After(operatortest.Patience); last != mark.Name; {
			if !next(limit) {
				b.T.Fatal("the watch does not see its mark")
			}
		}
		return n
	}
	return count, until
}

func TestDriftIsRepairedAtOnceWithOneWrite(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")) + es("mark", target("Owner", "")+one("app")))
	b.holds("mark", "v", "one")
	for name, drift := range map[string]func(*corev1.Secret){
		"value":     func(s *corev1.Secret) { s.Data["v"] = []byte("wrong") },
		"stray key": func(s *corev1.Secret) { s.Data["stray"] = []byte("x") },
		"no label":  func(s *corev1.Secret) { delete(s.Labels, managed) },
		"no owner":  func(s *corev1.Secret) { s.OwnerReferences = nil },
	} {
		s := b.holds("app", "v", "one")
		b.Synced("app")
		count, until := b.writes(s)
		b.change(s, func() { drift(s) })
		until(2) // the drift, and its repair
		s = b.holds("app", "v", "one")
		if s.Labels[managed] != "true" || !controlled(s, "app") {
			t.Errorf("%s: labels %v, owners %v", name, s.Labels, s.OwnerReferences)
		}
		b.sync("mark")
		b.sync("app")
		if n := count(); n != 2 {
			t.Errorf("%s: %d writes, of which one was the drift", name, n)
		}
	}

	s := b.Secret("app")
	count, until := b.writes(s)
	b.remove(s)
	until(1)
	b.sync("app")
	if n := count(); n != 1 {
		t.Errorf("deleted: %d writes", n)
	}

	// What others add beside ours is not drift.
	s = b.Secret("app")
	count, _ = b.writes(s)
	b.change(s, func() { s.Labels["foreign"] = "x" })
	b.sync("app")
	if n := count(); n != 1 {
		t.Errorf("a foreign label: %d writes", n)
	}
}

func TestReadyIsNeverStale(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.Synced("app")
	b.Apply(es("app", target("Owner", "")+one("nope")))
	got := b.Failed("app", "nope")
	if c := got.Status.Conditions[0]; got.Generation != 2 || got.Status.ObservedGeneration != 2 || c.ObservedGeneration != 2 {
		t.Errorf("generation %d, observed %d, by the condition %d", got.Generation, got.Status.ObservedGeneration, c.ObservedGeneration)
	}
	flipped := got.Status.Conditions[0].LastTransitionTime
	b.Apply(es("app", target("Owner", "")+one("nope2")))
	got = b.Failed("app", "nope2")
	if now := got.Status.Conditions[0].LastTransitionTime; !now.Equal(&flipped) {
		t.Error("lastTransitionTime moved though the status did not flip")
	}
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.Synced("app")
}

func TestOwnerRepairsASecretThatSomebodyEmptied(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	s := b.holds("app", "v", "one")
	b.change(s, func() { s.Data = nil })
	b.holds("app", "v", "one")
}

func TestASecondObjectTakesOverWhatTheFirstLeft(t *testing.T) {
	for _, policy := range []string{"Orphan", "CreateOrMerge"} {
		t.Run(policy, func(t *testing.T) {
			b := vaultBed(t)
			b.putOne("first", "one")
			b.putOne("second", "two")
			terms := target(policy, ", name: shared")
			b.Apply(es("first", terms+one("first")))
			b.Synced("first")
			b.Apply(es("second", terms+one("second")))
			b.Failed("second", "target is owned by another ExternalSecret")
			b.remove(b.ExternalSecret("first"))
			b.holds("shared", "v", "two")
			b.Synced("second")
		})
	}
}

func TestASecondObjectTakesOverWhenTheFirstTurnsAway(t *testing.T) {
	b := vaultBed(t)
	b.putOne("first", "one")
	b.putOne("second", "two")
	b.Apply(es("first", target("Orphan", ", name: shared")+one("first")))
	b.Synced("first")
	b.Apply(es("second", target("Orphan", ", name: shared")+one("second")))
	b.Failed("second", "target is owned by another ExternalSecret")
	b.Apply(es("first", target("Orphan", ", name: elsewhere")+one("first")))
	b.holds("shared", "v", "two")
}
