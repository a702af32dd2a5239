package mirrors_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

func TestAChangedSourceReachesItsCopiesByTheEvent(t *testing.T) {
	b := newBed(t)
	one, two := b.Namespace("one"), b.Namespace("two")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "pollPeriodSeconds: 86400", "^$NS-(one|two)$"))
	b.Has(one, "app", "password", "first")
	b.Has(two, "app", "password", "first")
	b.Active("app", "in 2 namespaces")
	within(t, atOnce, func() {
		b.Set(b.NS, "app", "password", "second", "more", "x")
		b.Has(one, "app", "password", "second", "more", "x")
		b.Has(two, "app", "password", "second", "more", "x")
	})
}

func TestANewNamespaceGetsItsCopyAtOnce(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "pollPeriodSeconds: 86400", "^$NS-"))
	b.Active("app", "no namespace matches yet")
	within(t, atOnce, func() { b.Has(b.Namespace("late"), "app", "password", "first") })
	b.Active("app", "in 1 namespace")
}

func TestASourceMayComeLaterAndGo(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	sm := b.Says("app", "Pending", "NoSecret", "secret "+b.NS+"/app not found, waiting to appear")
	if sm.Status.LastSyncTime != "1970-01-01T00:00:00Z" {
		t.Errorf("it says that it was synced at %s", sm.Status.LastSyncTime)
	}
	b.Event("app", "NoSecret", "not found, waiting to appear")
	within(t, atOnce, func() {
		b.Make(b.NS, "app", "password", "first")
		b.Has(ns, "app", "password", "first")
	})
	b.Active("app")
	b.Event("app", "Active", "SecretMirror is synced")
	was := b.Copy(ns, "app")
	b.Remove(b.Copy(b.NS, "app"))
	b.Says("app", "Pending", "NoSecret")
	b.Untouched(was)
}

func TestWhatSomebodyDoesToACopyIsUndone(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "pollPeriodSeconds: 86400", "^$NS-"))
	made := b.Has(ns, "app", "password", "first")

	b.Remove(made)
	made = b.HasThat(ns, "app", func(s *corev1.Secret) error {
		if s.UID == made.UID {
			return errors.New("is the one that was deleted")
		}
		return nil
	})
	b.Has(ns, "app", "password", "first")

	b.Set(ns, "app", "password", "mine", "other", "x")
	b.Has(ns, "app", "password", "first")

	b.Change(made, func() { delete(made.Annotations, "mirrors.kts.studio/source-type") })
	b.HasThat(ns, "app", func(s *corev1.Secret) error {
		if s.Annotations["mirrors.kts.studio/source-type"] != "secret" {
			return fmt.Errorf("has the annotations %v", s.Annotations)
		}
		return nil
	})
}

func TestCopiesAreMarkedAsTheOriginalMarksThem(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	source := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.NS, Name: "tls", Labels: map[string]string{"app": "web"},
			Annotations: map[string]string{
				"note": "kept", corev1.LastAppliedConfigAnnotation: "the data as it was",
				"reflector.v1.k8s.emberstack.com/reflection-allowed": "false",
			},
		},
		Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": {0, 1, 0xff}, "tls.key": {}},
	}
	b.Must(b.Create(t.Context(), source))
	b.Apply(mirrortest.Copies("mirror", "source: {name: tls}", "^$NS-"))
	b.Active("mirror")
	got := b.Copy(ns, "tls")
	if got.Type != corev1.SecretTypeTLS || !bytes.Equal(got.Data["tls.crt"], source.Data["tls.crt"]) || len(got.Data) != 2 {
		t.Errorf("a copy of type %s holds %v", got.Type, got.Data)
	}
	want := map[string]string{
		"note":                              "kept",
		"mirrors.kts.studio/owned-by":       b.NS + "/mirror",
		"mirrors.kts.studio/source-type":    "secret",
		"mirrors.kts.studio/parent-version": source.ResourceVersion,
	}
	for k, v := range want {
		if got.Annotations[k] != v {
			t.Errorf("annotation %s is %q, want %q", k, got.Annotations[k], v)
		}
	}
	if got.Annotations["mirrors.kts.studio/last-sync-at"] == "" || len(got.Annotations) != len(want)+1 || got.Labels["app"] != "web" {
		t.Errorf("it has the labels %v and the annotations %v", got.Labels, got.Annotations)
	}
	b.Untouched(source)
}

func TestACopyFollowsItsSourceToAnotherType(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.Has(ns, "app", "password", "first")
	b.Remove(b.Copy(b.NS, "app"))
	b.Must(b.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}, Type: "example.com/other", StringData: map[string]string{"password": "second"},
	}))
	b.HasThat(ns, "app", func(s *corev1.Secret) error {
		if s.Type != "example.com/other" || string(s.Data["password"]) != "second" {
			return fmt.Errorf("is of type %s", s.Type)
		}
		return nil
	})
}

func TestTheSourceIsNoPlaceForACopy(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	source := b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS"))
	b.Has(ns, "app", "password", "first")
	b.Active("app", "in 1 namespace")
	b.Remove(b.Mirror("app"))
	b.Gone(ns, "app")
	b.Left("app")
	b.Untouched(source)
}

func TestWhatIsNoLongerWantedGoes(t *testing.T) {
	b := newBed(t)
	one, two := b.Namespace("one"), b.Namespace("two")
	b.Make(b.NS, "app", "password", "first")
	b.Make(b.NS, "other", "password", "second")
	b.Apply(mirrortest.Copies("mirror", "source: {name: app}", "^$NS-"))
	b.Has(one, "app", "password", "first")
	b.Has(two, "app", "password", "first")

	b.Apply(mirrortest.Copies("mirror", "source: {name: app}", "^$NS-one$"))
	b.Gone(two, "app")
	b.Has(one, "app", "password", "first")

	b.Apply(mirrortest.Copies("mirror", "source: {name: other}", "^$NS-one$"))
	b.Has(one, "other", "password", "second")
	b.Gone(one, "app")

	b.Remove(b.Mirror("mirror"))
	b.Gone(one, "other")
	b.Left("mirror")
	b.Has(b.NS, "app", "password", "first")
}

func TestRetainedCopiesStay(t *testing.T) {
	b := newBed(t)
	one, two := b.Namespace("one"), b.Namespace("two")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "deletePolicy: retain", "^$NS-"))
	b.Active("app", "in 2 namespaces")
	first, second := b.Copy(one, "app"), b.Copy(two, "app")
	b.Apply(mirrortest.Copies("app", "deletePolicy: retain", "^$NS-one$"))
	b.Active("app", "in 1 namespace")
	b.Remove(b.Mirror("app"))
	b.Left("app")
	b.Untouched(first)
	b.Untouched(second)
}

// A mark whose object is no more is nobody's: a SecretMirror that is renamed
// finds its retained copies under its former name.
func TestRetainedCopiesAreInheritedByAnotherName(t *testing.T) {
	b := newBed(t)
	one := b.Namespace("one")
	b.Make(b.NS, "app", "password", "first")
	retained := func(name string) string {
		return mirrortest.Copies(name, "source: {name: app}\ndeletePolicy: retain", "^$NS-one$")
	}
	b.Apply(retained("former"))
	b.Active("former", "in 1 namespace")
	was := b.Copy(one, "app")
	// Both are there for a while, as a tool that deploys has it.
	b.Apply(retained("renamed"))
	b.Says("renamed", "Error", "SyncError", "belongs to SecretMirror "+b.NS+"/former")
	b.Untouched(was)
	within(t, atOnce, func() {
		b.Remove(b.Mirror("former"))
		b.Active("renamed", "in 1 namespace")
	})
	got := b.Copy(one, "app")
	if got.UID != was.UID || got.Annotations["mirrors.kts.studio/owned-by"] != b.NS+"/renamed" {
		t.Errorf("the copy is %v", got.ObjectMeta)
	}
	b.Remove(b.Mirror("renamed"))
	b.Left("renamed")

	// Of another namespace it is not to be had: who kept it relies on it.
	other := b.Namespace("other")
	b.Make(other, "app", "password", "other")
	b.Apply(in(other, retained("greedy")))
	kept := b.Copy(one, "app")
	b.Eventually(func() error {
		sm := &mirrorsv1.SecretMirror{}
		b.Must(b.Get(t.Context(), types.NamespacedName{Namespace: other, Name: "greedy"}, sm))
		if text := mirrortest.State(sm); !strings.Contains(text, "belongs to SecretMirror "+b.NS+"/renamed") {
			return errors.New(text)
		}
		return nil
	})
	b.Untouched(kept)
}

func TestAForeignSecretIsLeftAloneUntilItIsGiven(t *testing.T) {
	b := newBed(t)
	one, two, three := b.Namespace("one"), b.Namespace("two"), b.Namespace("three")
	foreign := b.Make(two, "app", "password", "mine")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.Has(one, "app", "password", "first")
	b.Has(three, "app", "password", "first")
	b.Says("app", "Error", "SyncError", two+"/app: Secret app is there already", "tacit.dev/adopt="+b.NS+"/app")
	b.Event("app", "SyncError", two+"/app")
	b.Untouched(foreign)

	// The others are still served.
	b.Set(b.NS, "app", "password", "second")
	b.Has(three, "app", "password", "second")
	b.Untouched(foreign)

	// Given to another SecretMirror it is not given to this one.
	b.Change(foreign, func() { foreign.Annotations = map[string]string{"tacit.dev/adopt": b.NS + "/other"} })
	b.Set(b.NS, "app", "password", "third")
	b.Has(three, "app", "password", "third")
	b.Untouched(foreign)

	b.Change(foreign, func() { foreign.Annotations["tacit.dev/adopt"] = b.NS + "/app" })
	got := b.Has(two, "app", "password", "third")
	if got.UID != foreign.UID || got.Annotations["mirrors.kts.studio/owned-by"] != b.NS+"/app" {
		t.Errorf("it was not adopted: %v", got.ObjectMeta)
	}
	b.Active("app", "in 3 namespaces")
}

func TestTwoThatWantTheSameCopyDoNotFight(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("first", "source: {name: app}", "^$NS-"))
	b.Active("first")
	was := b.Copy(ns, "app")
	b.Apply(mirrortest.Copies("second", "source: {name: app}", "^$NS-"))
	b.Says("second", "Error", "SyncError", "belongs to SecretMirror "+b.NS+"/first")
	b.Untouched(was)
	b.Remove(b.Mirror("second"))
	b.Left("second")
	b.Untouched(was)

	b.Apply(mirrortest.Copies("second", "source: {name: app}", "^$NS-"))
	b.Says("second", "Error", "SyncError")
	b.Remove(b.Mirror("first"))
	b.Active("second")
	if got := b.Has(ns, "app", "password", "first"); got.Annotations["mirrors.kts.studio/owned-by"] != b.NS+"/second" {
		t.Errorf("the copy is marked %v", got.Annotations)
	}
}

// A token of a service account is a way in, and a Secret of that type has one
// filled in by the cluster.
func TestSecretsThatAreAWayInAreNeverCopied(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Login("approle", below(b))
	// Without its account a token is deleted.
	b.Must(b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "robot"}}))
	for name, s := range map[string]*corev1.Secret{
		"account": {
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"}},
			Type:       corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{"token": []byte("x")},
		},
		"bootstrap": {Type: corev1.SecretTypeBootstrapToken, StringData: map[string]string{"token-id": "abcdef"}},
	} {
		s.Namespace, s.Name = b.NS, name
		b.Must(b.Create(t.Context(), s))
		b.Apply(mirrortest.Copies(name, "", "^$NS-"))
		b.Says(name, "Error", "SyncError", "Secrets of type "+string(s.Type))
		if b.Copy(ns, name) != nil {
			t.Errorf("a copy of a Secret of type %s was made", s.Type)
		}
		into := strings.Replace(mirrortest.Into("into-"+name, "/secret/data/$NS/"+name), "spec:\n", "spec:\n  source: {name: "+name+"}\n", 1)
		b.Apply(into)
		b.Says("into-"+name, "Error", "SyncError", "Secrets of type "+string(s.Type))
		if version(b, name) != 0 {
			t.Errorf("a Secret of type %s was put into Vault", s.Type)
		}
	}
}

func TestV1alpha1(t *testing.T) {
	b := newBed(t)
	ns, other := b.Namespace("one"), b.Namespace("other")
	b.Make(b.NS, "app", "password", "first")
	manifest := `
apiVersion: mirrors.kts.studio/v1alpha1
kind: SecretMirror
metadata: {name: app}
spec:
  source: {name: app}
  destination: {%s}
`
	b.Apply(fmt.Sprintf(manifest, "namespace: "+ns))
	b.Has(ns, "app", "password", "first")
	b.Apply(fmt.Sprintf(manifest, "namespaceRegex: '^$NS-oth'"))
	b.Has(other, "app", "password", "first")
	b.Gone(ns, "app")
	b.Active("app")
}

func TestAMalformedPatternTakesNothingAway(t *testing.T) {
	b := newBed(t)
	ns := b.Namespace("one")
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.Active("app")
	was := b.Copy(ns, "app")
	b.Apply(mirrortest.Copies("app", "", "^$NS-("))
	b.Says("app", "Error", "SyncError", "spec.destination.namespaces[0]", "missing closing )")
	b.Event("app", "SyncError", "missing closing )")
	b.Untouched(was)
	b.Remove(b.Mirror("app"))
	b.Gone(ns, "app")
	b.Left("app")
}

func TestTheTableShowsTheOriginalsColumns(t *testing.T) {
	b := newBed(t)
	b.Namespace("one")
	b.Make(b.NS, "mysecret", "password", "first")
	b.Apply(mirrortest.Copies("mysecret-mirror", "source: {name: mysecret}", "^$NS-"))
	b.Active("mysecret-mirror")
	out, err := b.Plane.Kubectl(t.Context(), "get", "secretmirrors", "--namespace", b.NS).CombinedOutput()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) < 2 {
		t.Fatalf("%v: %s", err, out)
	}
	head := strings.Join(strings.Fields(lines[0]), " ")
	if head != "NAME SOURCE TYPE SOURCE NAME DESTINATION TYPE DELETE POLICY POLL PERIOD MIRROR STATUS LAST SYNC TIME AGE" {
		t.Errorf("the columns are %s", head)
	}
	row := strings.Fields(lines[1])
	if got := strings.Join(row[:min(7, len(row))], " "); got != "mysecret-mirror secret mysecret namespaces delete 180 Active" {
		t.Errorf("the row is %s", lines[1])
	}
}
