package externalsecrets_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	managed   = "reconcile.external-secrets.io/managed"
	createdBy = "reconcile.external-secrets.io/created-by"
	dataHash  = "reconcile.external-secrets.io/data-hash"
)

func target(policy, more string) string {
	return "\ntarget: {creationPolicy: " + policy + ", " + bare + more + "}\n"
}

// plain is a Secret as a user makes it.
func plain(name string, pairs ...string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{}}
	for i := 0; i < len(pairs); i += 2 {
		s.Data[pairs[i]] = []byte(pairs[i+1])
	}
	return s
}

func TestOwnerMakesMarksAndRemovesItsSecret(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	s := b.holds("app", "v", "one")
	if !controlled(s, "app") {
		t.Errorf("owners are %v", s.OwnerReferences)
	}
	if s.Labels[managed] != "true" || len(s.Labels[createdBy]) != 56 {
		t.Errorf("labels are %v", s.Labels)
	}
	if _, there := s.Annotations[dataHash]; there {
		t.Error("an unkeyed digest of the data is written")
	}
	if s.Type != corev1.SecretTypeOpaque {
		t.Errorf("its type is %s", s.Type)
	}
	got := b.Synced("app")
	if got.Status.Binding == nil || got.Status.Binding.Name != "app" || got.Status.RefreshTime.IsZero() {
		t.Errorf("its status is %s", quoted(got.Status))
	}
	b.remove(got)
	b.gone("app")
}

func TestOwnerTakesOverASecretThatNobodyControls(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.make(plain("app", "v", "hand-made", "other", "x"))
	b.Apply(es("app", target("Owner", "")+one("app")))
	s := b.holds("app", "v", "one")
	if !controlled(s, "app") {
		t.Errorf("owners are %v", s.OwnerReferences)
	}
	b.Event("app", "Adopted", "app")
	b.Synced("app")
}

func TestOwnerRefusesASecretThatAnotherControls(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "boss", Namespace: b.NS}}
	if err := b.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	theirs := plain("app", "v", "theirs")
	theirs.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
	b.make(theirs)
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.Failed("app", "failed to take ownership of target secret", "Secret app", "ConfigMap boss")
	b.Event("app", "UpdateFailed", "ConfigMap boss")
	b.stays(theirs)

	// Its end wakes the object.
	b.remove(b.Secret("app"))
	b.holds("app", "v", "one")
	b.Synced("app")
}

func TestOrphanMakesButDoesNotOwn(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Orphan", "")+one("app")) + es("mark", target("Owner", "")+one("app")))
	s := b.holds("app", "v", "one")
	if len(s.OwnerReferences) != 0 || s.Labels[managed] != "true" || s.Labels[createdBy] != "" {
		t.Errorf("owners %v, labels %v", s.OwnerReferences, s.Labels)
	}
	// Drift stays until the next sync.
	b.Synced("app")
	b.change(s, func() { s.Data["v"] = []byte("drift") })
	b.sync("mark")
	b.holds("app", "v", "drift")
	b.Poke("app")
	b.holds("app", "v", "one")

	b.remove(b.ExternalSecret("app"))
	b.remove(b.ExternalSecret("mark"))
	b.gone("mark") // the garbage collector has passed
	b.holds("app", "v", "one")
}

func TestMergeFillsASecretOfSomebodyElse(t *testing.T) {
	b := vaultBed(t)
	b.Put("app", map[string]any{"v": "one", "w": "two"})
	both := "\ndata:\n- {secretKey: v, remoteRef: {key: $NS/app, property: v}}\n- {secretKey: w, remoteRef: {key: $NS/app, property: w}}\n"
	b.Apply(es("app", target("Merge", ", name: theirs")+both))
	b.Ready("app", corev1.ConditionTrue, "SecretMissing", "secret will not be created due to CreationPolicy=Merge")
	if b.Secret("theirs") != nil {
		t.Fatal("Merge made a Secret")
	}

	b.make(plain("theirs", "foreign", "x", "v", "theirs"))
	s := b.holds("theirs", "foreign", "x", "v", "one", "w", "two")
	if len(s.OwnerReferences) != 0 {
		t.Errorf("owners are %v", s.OwnerReferences)
	}
	b.Synced("app")

	// A key that leaves the manifest leaves the Secret; others' stay.
	b.Apply(es("app", target("Merge", ", name: theirs")+one("app")))
	s = b.holds("theirs", "foreign", "x", "v", "one")

	// Drift of ours is repaired, that of others is theirs.
	b.change(s, func() { s.Data["v"], s.Data["foreign"], s.Data["more"] = []byte("drift"), []byte("y"), []byte("z") })
	s = b.holds("theirs", "foreign", "y", "more", "z", "v", "one")

	b.remove(s)
	b.Ready("app", corev1.ConditionTrue, "SecretMissing")
	if b.Secret("theirs") != nil {
		t.Fatal("Merge made a Secret")
	}
}

func TestCreateOrMerge(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.make(plain("there", "foreign", "x"))
	b.Apply(es("absent", target("CreateOrMerge", "")+one("app")) + es("there", target("CreateOrMerge", "")+one("app")))
	for name, s := range map[string]*corev1.Secret{
		"absent": b.holds("absent", "v", "one"),
		"there":  b.holds("there", "foreign", "x", "v", "one"),
	} {
		if len(s.OwnerReferences) != 0 {
			t.Errorf("%s: owners are %v", name, s.OwnerReferences)
		}
	}
	b.Synced("there")
	b.remove(b.Secret("absent"))
	b.holds("absent", "v", "one")
}

func TestNoneWritesNothing(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("None", "")+one("app")) + es("bad", target("None", "")+one("nope")))
	got := b.Synced("app")
	if b.Secret("app") != nil {
		t.Error("there is a Secret")
	}
	if got.Status.Binding != nil && got.Status.Binding.Name != "" {
		t.Errorf("it is bound to %v", got.Status.Binding)
	}
	b.Failed("bad", b.NS+"/nope")
}

func TestAChangedCreationPolicy(t *testing.T) {
	for from, steps := range map[string]struct {
		to    string
		owned bool
		data  []string
	}{
		"Owner":  {"Orphan", false, []string{"v", "one"}},
		"Orphan": {"Owner", true, []string{"v", "one"}},
		"Merge":  {"Owner", true, []string{"v", "one"}},
	} {
		t.Run(from+" to "+steps.to, func(t *testing.T) {
			b := vaultBed(t)
			b.putOne("app", "one")
			if from == "Merge" {
				b.make(plain("app", "foreign", "x"))
			}
			b.Apply(es("app", target(from, "")+one("app")))
			b.Synced("app")
			b.Apply(es("app", target(steps.to, "")+one("app")))
			b.Eventually(func() error {
				if s := b.Secret("app"); controlled(s, "app") != steps.owned || (s.Labels[createdBy] != "") != steps.owned {
					return fmt.Errorf("owners %v, labels %v", s.OwnerReferences, s.Labels)
				}
				return nil
			})
			b.holds("app", steps.data...)
			b.Synced("app")
		})
	}
}

func TestOwnerBecomesMerge(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.Synced("app")
	b.Apply(es("app", target("Merge", "")+one("app")))
	b.Eventually(func() error {
		if s := b.Secret("app"); len(s.OwnerReferences) != 0 {
			return fmt.Errorf("owners %v", s.OwnerReferences)
		}
		return nil
	})
	s := b.Secret("app")
	b.change(s, func() { s.Data["foreign"] = []byte("x") })
	b.sync("app")
	b.holds("app", "foreign", "x", "v", "one")
}

func TestARenamedTarget(t *testing.T) {
	for policy, oldStays := range map[string]bool{"Owner": false, "Orphan": true, "CreateOrMerge": true} {
		t.Run(policy, func(t *testing.T) {
			b := vaultBed(t)
			b.putOne("app", "one")
			b.Apply(es("app", target(policy, ", name: before")+one("app")))
			b.holds("before", "v", "one")
			b.Synced("app")
			b.Apply(es("app", target(policy, ", name: after")+one("app")))
			b.holds("after", "v", "one")
			if got := b.Synced("app").Status.Binding.Name; got != "after" {
				t.Errorf("it is bound to %s", got)
			}
			if oldStays {
				b.holds("before", "v", "one")
				return
			}
			b.gone("before")
		})
	}
}

func TestARenamedTargetLeavesASecretThatIsNoLongerOurs(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", target("Orphan", ", name: before")+one("app")))
	b.Synced("app")
	b.Apply(es("app", target("Owner", ", name: after")+one("app")))
	b.holds("after", "v", "one")
	b.Ready("app", corev1.ConditionTrue, "SecretSynced")
	b.holds("before", "v", "one")
}

func TestOwnerFillsAnEmptySecret(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.make(plain("app"))
	b.Apply(es("app", target("Owner", "")+one("app")))
	b.holds("app", "v", "one")
}
