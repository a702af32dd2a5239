package sealed_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

const (
	managed = "sealedsecrets.bitnami.com/managed"
	patched = "sealedsecrets.bitnami.com/patch"
	unowned = "sealedsecrets.bitnami.com/skip-set-owner-references"
)

// there is a Secret that somebody else made.
const there = `
apiVersion: v1
kind: Secret
metadata: {name: app, labels: {theirs: x}, annotations: {theirs: x}}
stringData: {theirs: x, k: old}
`

func TestASecretThatIsThereIsLeftAlone(t *testing.T) {
	b := newBed(t)
	b.Apply(there)
	before := b.Secret("app")
	b.SealAndApply("app", values{"k": "new"}, "")
	const words = `Resource "app" already exists and is not managed by SealedSecret`
	b.Fails("app", "failed update: "+words, managed+"=true")
	b.Event("app", "ErrUpdateFailed", words)
	if b.Secret("app").ResourceVersion != before.ResourceVersion {
		t.Error("it was written")
	}

	b.Annotate("app", managed, "true")
	b.Holds("app", values{"k": "new"})
	b.Synced("app")
	s := b.Owned("app", true)
	if s.Labels["theirs"] != "" || s.Annotations["theirs"] != "" || s.Annotations[managed] != "" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
	b.Event("app", "Adopted", managed)
	b.Event("app", "Unsealed")
	b.Must(b.Delete(t.Context(), b.SealedSecret("app")))
	b.Eventually(func() error {
		if b.Secret("app") != nil {
			return fmt.Errorf("it is still there")
		}
		return nil
	})
}

// TestAPatchedSecretIsAddedTo: what others put there stays, theirs to change,
// and ours is repaired.
func TestAPatchedSecretIsAddedTo(t *testing.T) {
	b := newBed(t)
	b.Apply(there)
	b.Annotate("app", patched, "true")
	b.SealAndApply("app", values{"k": "new", "more": "1"}, `template: {metadata: {labels: {ours: x}, annotations: {ours: x}}}`)
	b.Holds("app", values{"k": "new", "more": "1", "theirs": "x"})
	s := b.Owned("app", false)
	if s.Labels["theirs"] != "x" || s.Annotations["theirs"] != "x" || s.Labels["ours"] != "x" || s.Annotations["ours"] != "x" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
	b.Synced("app")
	sealedtest.Change(b, s, func(s *corev1.Secret) { s.Data["theirs"], s.Data["k"] = []byte("y"), []byte("edited") })
	b.Holds("app", values{"k": "new", "more": "1", "theirs": "y"})
	b.SealAndApply("app", values{"k": "new"}, "")
	b.Holds("app", values{"k": "new", "theirs": "y"})
	if s = b.Secret("app"); s.Labels["ours"] != "" || s.Labels["theirs"] != "x" {
		t.Errorf("labels %v", s.Labels)
	}

	b.Annotate("app", managed, "true")
	b.Owned("app", true)
	b.Holds("app", values{"k": "new", "theirs": "y"})
	b.Synced("app")
}

// TestAPatchedSecretOutlivesItsSealedSecret, for it was never owned.
func TestAPatchedSecretOutlivesItsSealedSecret(t *testing.T) {
	b := newBed(t)
	b.Apply(there)
	b.Annotate("app", patched, "true")
	b.SealAndApply("app", values{"k": "new"}, "")
	b.Holds("app", values{"k": "new", "theirs": "x"})
	b.SealAndApply("probe", values{"k": "v"}, "")
	b.Holds("probe", values{"k": "v"})
	for _, name := range []string{"app", "probe"} {
		b.Must(b.Delete(t.Context(), b.SealedSecret(name)))
	}
	// The garbage collector has been at work when the other one is gone.
	b.Eventually(func() error {
		if b.Secret("probe") != nil {
			return fmt.Errorf("the probe is still there")
		}
		return nil
	})
	b.Holds("app", values{"k": "new", "theirs": "x"})
}

// TestWhatIsNotOwnedIsKeptRight: the original made it once, and then took it
// for somebody else's.
func TestWhatIsNotOwnedIsKeptRight(t *testing.T) {
	b := newBed(t)
	const skip = `template: {metadata: {annotations: {` + unowned + `: "true"}}}`
	b.SealAndApply("app", values{"k": "one"}, skip)
	b.Holds("app", values{"k": "one"})
	s := b.Owned("app", false)
	b.Synced("app")
	b.SealAndApply("app", values{"k": "two"}, skip)
	b.Holds("app", values{"k": "two"})
	b.Synced("app")
	sealedtest.Change(b, s, func(s *corev1.Secret) { s.Data = map[string][]byte{"k": []byte("edited")} })
	b.Holds("app", values{"k": "two"})
	b.Must(b.Delete(t.Context(), b.Secret("app")))
	b.Holds("app", values{"k": "two"})

	// Owned from now on, and not any more.
	b.SealAndApply("app", values{"k": "two"}, "")
	b.Owned("app", true)
	b.SealAndApply("app", values{"k": "two"}, skip)
	b.Owned("app", false)
	b.Synced("app")
}

// TestAnothersSecretIsNotTaken, though it says that it may be: its controller
// would undo what is written.
func TestAnothersSecretIsNotTaken(t *testing.T) {
	b := newBed(t)
	b.Apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: owner}
`)
	owner := &corev1.ConfigMap{}
	owner.Namespace, owner.Name = b.NS, "owner"
	b.Eventually(func() error { return b.Get(t.Context(), keyOf(owner), owner) })
	b.Apply(`
apiVersion: v1
kind: Secret
metadata:
  name: app
  annotations: {` + managed + `: "true"}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: ` + string(owner.UID) + `, controller: true}]
stringData: {k: old}
`)
	b.SealAndApply("app", values{"k": "new"}, "")
	b.Fails("app", `Resource "app" already exists`, "controlled by ConfigMap owner", patched)
	b.Holds("app", values{"k": "old"})
	b.Annotate("app", managed, "no")
	b.Annotate("app", patched, "true")
	b.Holds("app", values{"k": "new"})
	b.Synced("app")
	if refs := b.Secret("app").OwnerReferences; len(refs) != 1 || refs[0].UID != owner.UID {
		t.Errorf("its owners are %+v", refs)
	}
}
