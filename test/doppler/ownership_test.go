package doppler_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// remove deletes a DopplerSecret.
func (b bed) remove(namespace, name string) {
	b.T.Helper()
	b.Must(b.Delete(b.T.Context(), &dopplerv1.DopplerSecret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}))
}

func TestAForeignSecretIsTakenOverOnlyIfItIsGiven(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	me := b.NS + "/app"
	foreign := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Data: map[string][]byte{"MINE": []byte("x")}})
	b.DS("app")
	b.Broken("app", "Secret app is there already and was not made by this DopplerSecret; to give it away, annotate it with tacit.dev/adopt="+me)
	b.eventIn(b.NS, "app", "SecretSyncFailed", "tacit.dev/adopt="+me)
	b.Stays(foreign)

	// Given to somebody else it is not given to this one.
	looked := b.Requests(dopplertest.Download, 0)
	b.Change(foreign, func() { foreign.Annotations = map[string]string{delivery.Adopt: b.NS + "/other"} })
	b.Eventually(func() error { return check(b.Requests(dopplertest.Download, 0) > looked, "it did not look again") })
	b.Broken("app", "tacit.dev/adopt="+me)
	b.Stays(foreign)

	b.Change(foreign, func() { foreign.Annotations[delivery.Adopt] = me })
	s := b.Carries("app", "K", "one")
	if s.UID != foreign.UID {
		t.Error("it was made anew")
	}
	b.InSync("app", "was there before and was given to this DopplerSecret by its annotation tacit.dev/adopt")
	b.eventIn(b.NS, "app", "SecretAdopted", "tacit.dev/adopt")
	b.Set("K", "two")
	b.Carries("app", "K", "two")
	b.InSync("app", "was there before")
}

func TestASecretIsOneObjectsAlone(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("first", "managedSecret: {name: app}")
	was := b.Carries("app", "K", "one")
	b.DS("second", "managedSecret: {name: app}", "secrets: [K]")
	b.Broken("second", "Secret app belongs to DopplerSecret "+b.NS+"/first")
	b.Polled(2)
	b.Stays(was)

	// It is the other's turn when the first goes.
	b.remove(b.NS, "first")
	b.Left(b.NS, "first")
	s := b.Carries("app", "K", "one")
	b.Eventually(func() error {
		s = b.Secret("app")
		return check(s != nil && len(s.Data) == 1 && s.Annotations["secrets.doppler.com/managed-by"] == b.NS+"/second", "it is %v", s)
	})
	b.InSync("second")
}

func TestASecretThatSomebodyControlsIsLeftAlone(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	yes := true
	owner := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "owner"}})
	theirs := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: "app", Annotations: map[string]string{delivery.Adopt: b.NS + "/app"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Secret", Name: "owner", UID: owner.UID, Controller: &yes}},
	}})
	b.DS("app")
	b.Broken("app", "Secret app is controlled by Secret owner and is left alone")
	b.Stays(theirs)
	b.remove(b.NS, "app")
	b.Left(b.NS, "app")
	b.Stays(theirs)
}

// originals is a Secret with the marks that the Doppler Secrets Operator
// leaves. An older one names no owner.
func (b bed) originals(owner string) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.NS, Name: "app",
			Labels: map[string]string{"secrets.doppler.com/subtype": "dopplerSecret"},
			Annotations: map[string]string{
				"secrets.doppler.com/version": `W/"0123"`, "secrets.doppler.com/last-updated": "2024-01-02T03:04:05Z",
				"secrets.doppler.com/dashboard-link": "https://dashboard.doppler.com/workplace/x", "secrets.doppler.com/managed-by": owner,
			},
		},
		Data: map[string][]byte{"K": []byte("one")},
	}
	if owner == "" {
		delete(s.Annotations, "secrets.doppler.com/managed-by")
	}
	return s
}

func TestWhatTheOriginalMadeCountsAsOurs(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	for _, c := range []struct {
		name, owner string
		written     bool
	}{
		{"named", b.NS + "/named", false},
		{"nameless", "", true}, // an older original; it is named once
	} {
		was := b.originals(c.owner)
		was.Name = c.name
		b.Must(b.Create(t.Context(), was, fieldOwner("manager"))) // as the original's binary is called
		b.DS(c.name, "secrets: [K]")
		b.InSync(c.name)
		b.Polled(1)
		now := b.Secret(c.name)
		if now.UID != was.UID || (now.ResourceVersion != was.ResourceVersion) != c.written || now.Annotations["secrets.doppler.com/managed-by"] != b.NS+"/"+c.name {
			t.Errorf("%s: it was\n%v\nand is\n%v", c.name, was.ObjectMeta, now.ObjectMeta)
		}
		b.Polled(2)
		b.Stays(now)
		if got := b.DopplerSecret(c.name).Status.ManagedSecret; got == nil || got.Adopted {
			t.Errorf("%s: its status says %+v", c.name, got)
		}
	}

	// It is repaired and deleted like any other.
	s := b.Secret("named")
	b.Change(s, func() { s.Data["K"] = []byte("wrong") })
	b.Carries("named", "K", "one")
	b.remove(b.NS, "named")
	b.GoneIn(b.NS, "named")
}

func TestWhatTheOriginalMadeForAnotherIsNotTaken(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	was := b.Make(b.originals("elsewhere/app"))
	b.DS("app")
	b.Broken("app", "Secret app belongs to DopplerSecret elsewhere/app")
	b.Stays(was)
	b.remove(b.NS, "app")
	b.Left(b.NS, "app")
	b.Stays(was)
}

func TestTheSecretGoesWithItsObject(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app")
	b.Carries("app", "K", "one")
	foreign := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}})
	b.DS("foreign")
	b.Broken("foreign", "tacit.dev/adopt")
	// Far from home there is nothing that the garbage collector could do.
	b.AtHome(b.NS, "managedSecret: {name: afar, namespace: "+b.NS+"}")
	b.Carries("afar", "K", "one")
	for _, name := range []string{"app", "foreign"} {
		b.remove(b.NS, name)
		b.Left(b.NS, name)
	}
	b.remove(dopplertest.Home, b.NS)
	b.Left(dopplertest.Home, b.NS)
	for _, name := range []string{"app", "afar"} {
		if b.Secret(name) != nil {
			t.Errorf("Secret %s outlived its object", name)
		}
	}
	b.Stays(foreign)
	b.eventIn(b.NS, "app", "SecretDeleted", b.NS+"/app")
}

// TestCopiesStay: what people or other tools copied, marks and all, is theirs.
func TestCopiesStay(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	other := b.namespace("b")
	b.DS("app")
	s := b.Carries("app", "K", "one")
	copied := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "copy", Labels: s.Labels, Annotations: s.Annotations}, Data: s.Data}
	b.Must(b.Create(t.Context(), copied, fieldOwner("kubectl-client-side-apply")))
	b.Apply(fmt.Sprintf(`
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: app}
spec:
  source: {name: app}
  destination: {namespaces: ["^%s$"]}
`, other))
	mirrored := b.CarriesIn(other, "app", "K", "one")
	if strings.Contains(fmt.Sprint(mirrored.Annotations, mirrored.Labels), "secrets.doppler.com/managed-by") {
		t.Errorf("the mirror's copy passes for ours: %v %v", mirrored.Labels, mirrored.Annotations)
	}
	b.Set("K", "two")
	b.Carries("app", "K", "two")
	now := b.CarriesIn(other, "app", "K", "two")
	b.Polled(2)
	b.Stays(copied)
	b.Stays(now)
	b.remove(b.NS, "app")
	b.GoneIn(b.NS, "app")
	b.Stays(copied)
}

func TestARenamedSecretLeavesNoOrphan(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	other := b.namespace("b")
	b.AtHome(b.NS, "managedSecret: {name: one, namespace: "+b.NS+"}")
	b.CarriesIn(b.NS, "one", "K", "one")
	token := "tokenSecret: {name: " + b.NS + "-token}"
	b.Apply(dopplertest.Manifest(b.NS, dopplertest.Home, token, "managedSecret: {name: two, namespace: "+b.NS+"}"))
	b.CarriesIn(b.NS, "two", "K", "one")
	b.GoneIn(b.NS, "one")
	b.eventIn(dopplertest.Home, b.NS, "SecretDeleted", "Secret "+b.NS+"/one deleted")
	b.eventIn(dopplertest.Home, b.NS, "SecretSynced", "Secret "+b.NS+"/two created")
	b.Apply(dopplertest.Manifest(b.NS, dopplertest.Home, token, "managedSecret: {name: two, namespace: "+other+"}"))
	b.CarriesIn(other, "two", "K", "one")
	b.GoneIn(b.NS, "two")
	b.SaysIn(dopplertest.Home, b.NS, dopplertest.SyncReady, metav1.ConditionTrue, "OK", dopplertest.Syncing)
}

// TestAForeignSecretIsNoFormerOne: a rename deletes only what is still ours.
func TestAForeignSecretIsNoFormerOne(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "resyncSeconds: 3600")
	s := b.Carries("app", "K", "one")
	b.InSync("app")
	b.Must(b.Delete(t.Context(), s))
	b.Carries("app", "K", "one")
	// In one write it is another's and no longer ours.
	b.Eventually(func() error {
		s = b.Secret("app")
		s.Annotations["secrets.doppler.com/managed-by"] = "elsewhere/app"
		return b.Update(t.Context(), s, fieldOwner("somebody"))
	})
	b.Broken("app", "belongs to DopplerSecret elsewhere/app")
	b.DS("app", "managedSecret: {name: two}")
	b.Carries("two", "K", "one")
	now := b.Secret("app")
	if now == nil || now.UID != s.UID || !maps.Equal(now.Annotations, s.Annotations) {
		t.Errorf("it was\n%v\nand is\n%v", s, now)
	}
}
