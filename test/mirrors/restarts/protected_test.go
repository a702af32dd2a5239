package restarts_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// protecting starts an operator that protects a namespace from copies.
func (b bed) protecting(namespace string) {
	b.T.Helper()
	b.runWith(&running{}, func(o *operator.Options) { o.Protected = []string{namespace} })
}

func TestAProtectedNamespaceGetsNoCopyAndTheStatusSaysSo(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.protecting(b.two)
	b.Has(b.one, "app", "password", "first")
	b.Active("app", "in 1 namespace", b.two+" is protected: see --protect-namespace")
	if b.Copy(b.two, "app") != nil {
		t.Error("there is a copy")
	}
	b.Apply(mirrortest.Copies("app", "", "^$NS-two$"))
	b.Active("app", "no namespace matches yet", b.two+" is protected: see --protect-namespace")
	if b.Copy(b.two, "app") != nil {
		t.Error("there is a copy")
	}
	b.Apply(mirrortest.Copies("app", "", "^$NS-one$"))
	if sm := b.Active("app", "in 1 namespace"); len(sm.Status.Conditions) != 1 || sm.Status.Conditions[0].Message != "SecretMirror is synced; in 1 namespace" {
		t.Errorf("it says %s", mirrortest.State(sm))
	}
}

// The original knows no protected namespaces. What it made in one is not left
// to go stale, and goes when nobody wants it.
func TestACopyInAProtectedNamespaceIsServedOn(t *testing.T) {
	b := newBed(t)
	source := b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.left("app", nil)
	was := b.made(b.two, "app", "app", source.Data, map[string]string{"mirrors.kts.studio/parent-version": source.ResourceVersion})
	b.protecting(b.two)
	b.Active("app", "in 2 namespaces")
	b.Untouched(was)
	b.Set(b.NS, "app", "password", "second")
	b.Has(b.two, "app", "password", "second")
	b.Set(b.two, "app", "password", "somebody's")
	b.Has(b.two, "app", "password", "second")

	b.Apply(mirrortest.Copies("app", "", "^$NS-one$"))
	b.Gone(b.two, "app")
	// And is not made again.
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	b.Active("app", "in 1 namespace", b.two+" is protected")
	if b.Copy(b.two, "app") != nil {
		t.Error("there is a copy again")
	}
}

func TestWhatIsInAProtectedNamespaceGoesWithTheObject(t *testing.T) {
	b := newBed(t)
	source := b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-two$"))
	b.left("app", nil)
	b.made(b.two, "app", "app", source.Data, nil)
	foreign := b.Make(b.two, "other", "password", "mine")
	b.Make(b.NS, "other", "password", "first")
	b.Apply(mirrortest.Copies("other", "", "^$NS-two$"))
	b.protecting(b.two)
	b.Active("app", "in 1 namespace")
	b.Active("other", b.two+" is protected")
	b.Remove(b.Mirror("app"))
	b.Gone(b.two, "app")
	b.Left("app")
	b.Remove(b.Mirror("other"))
	b.Left("other")
	b.Untouched(foreign)
	if s := b.Copy(b.NS, "app"); s == nil || s.Type != corev1.SecretTypeOpaque {
		t.Error("the source is gone")
	}
}
