package alone_test

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// deploy applies a Deployment that restarts with the Secret "app", and waits
// until it is recorded that it runs with it.
func (b bed) deploy() {
	b.T.Helper()
	b.Apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {secrets.doppler.com/reload: "true"}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: x, envFrom: [{secretRef: {name: app}}]}]}
`)
	b.Eventually(func() error {
		r, _ := rollout.ReadRecord(b.web().Annotations)
		return check(r["Secret/app"] != "" && !strings.HasSuffix(r["Secret/app"], ".-"), "its record is %v", r)
	})
}

func (b bed) web() *appsv1.Deployment {
	b.T.Helper()
	d := &appsv1.Deployment{}
	b.Must(b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: "web"}, d))
	return d
}

// sets waits until the Deployment has had so many ReplicaSets.
func (b bed) sets(want int) {
	b.T.Helper()
	b.Eventually(func() error {
		list := &appsv1.ReplicaSetList{}
		b.Must(b.List(b.T.Context(), list, client.InNamespace(b.NS)))
		return check(len(list.Items) == want, "%d ReplicaSets, want %d", len(list.Items), want)
	})
}

// tapped runs an operator whose requests are written down.
func (b bed) tapped() (tap *testkit.Tap, stop func()) {
	b.T.Helper()
	tap = &testkit.Tap{}
	_, stop = b.serve(func(o *operator.Options) { o.Config = tap.Config(o.Config) })
	return tap, stop
}

// cost are the calls about a resource, watches and lists aside.
func cost(tap *testkit.Tap, resource string) []testkit.Call {
	return tap.Which(func(c testkit.Call) bool {
		list := c.Method == http.MethodGet && strings.HasSuffix(c.Path, "/"+resource)
		return c.On(resource) && !list && !strings.Contains(c.Path, "caught-up")
	})
}

// TestPeaceCostsNothing: refreshes that find nothing new, and a restart of the
// operator, neither read nor write a Secret that is delivered, and restart
// nobody.
func TestPeaceCostsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	tap, stop := b.tapped()
	b.DS("app")
	was := b.Carries("app", "K", "one")
	b.deploy()
	b.sets(1)
	deployed := b.web()
	b.CaughtUp("") // a Secret that the watch has not brought yet is read
	b.Polled(1)

	before := b.looks()
	tap.Reset()
	b.Polled(3)
	if got := cost(tap, "secrets"); len(got) != 0 {
		t.Errorf("refreshes cost %v", got)
	}
	statuses := cost(tap, "dopplersecrets")
	for _, c := range statuses {
		if !strings.HasSuffix(c.Path, "/status") {
			t.Errorf("refreshes cost %v", c)
		}
	}
	// Each says when it was, and the one before may have done so late.
	if polls := b.looks() - before; len(statuses) > polls+1 {
		t.Errorf("%d refreshes wrote the status %d times", polls, len(statuses))
	}

	stop()
	tap, _ = b.tapped()
	b.Polled(2)
	// The token, the key of digests, what is delivered, and what the
	// Deployment uses: each is read once, or twice at the same time.
	got := cost(tap, "secrets")
	for _, c := range got {
		if c.Method != http.MethodGet || len(got) > 8 {
			t.Errorf("a restart costs %v, one of %d", c, len(got))
		}
	}
	b.Stays(was)
	if now := b.web(); now.Generation != deployed.Generation {
		t.Errorf("the Deployment was written: it was\n%v\nand is\n%v", deployed, now)
	}
	b.sets(1)
}

// looks is how often Doppler was asked.
func (b bed) looks() int { return b.Requests("/v3/configs/config/secrets/download", 0) }

func TestAChangeWhileTheOperatorIsDownIsNotMissed(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	_, stop := b.serve(nil)
	b.DS("app")
	b.Carries("app", "K", "one")
	b.deploy()
	b.sets(1)
	stop()
	b.Set("K", "two")
	_, stop = b.serve(nil)
	b.Carries("app", "K", "two")
	b.sets(2)
	stop()

	// And what somebody did to the Secret meanwhile is undone, long before
	// the next look at Doppler is due.
	ds := b.DopplerSecret("app")
	hour := int64(3600)
	b.Change(ds, func() { ds.Spec.ResyncSeconds = &hour })
	_, stop = b.serve(nil)
	b.Eventually(func() error {
		ds := b.DopplerSecret("app")
		return check(ds.Status.Conditions[0].ObservedGeneration == ds.Generation, "it has not run")
	})
	stop()
	s := b.Secret("app")
	b.Change(s, func() { s.Data["K"] = []byte("wrong") })
	_, stop = b.serve(nil)
	s = b.Carries("app", "K", "two")
	stop()
	b.Must(b.Delete(t.Context(), s))
	b.serve(nil)
	b.Carries("app", "K", "two")
}

// TestWhatGoesWhileTheOperatorIsDownIsTakenBack: no orphan is left, and no
// foreign Secret goes.
func TestWhatGoesWhileTheOperatorIsDownIsTakenBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	foreign := b.Make(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}})
	_, stop := b.serve(nil)
	for _, name := range []string{"deleted", "renamed", "foreign"} {
		b.DS(name)
	}
	b.Carries("deleted", "K", "one")
	b.Carries("renamed", "K", "one")
	b.Broken("foreign", "tacit.dev/adopt")
	b.InSync("renamed")
	stop()
	for _, name := range []string{"deleted", "foreign"} {
		b.Must(b.Delete(t.Context(), &dopplerv1.DopplerSecret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name}}))
	}
	b.DS("renamed", "managedSecret: {name: other}")
	b.Must(b.Doppler.Revoke(t.Context(), b.Token)) // deleting asks nobody
	fresh, err := b.Doppler.Token(t.Context(), testkit.DopplerToken{Type: "service_token", Project: b.NS, Config: "prd"})
	b.Must(err)
	if b.Secret("deleted") == nil || b.DopplerSecret("deleted").DeletionTimestamp == nil {
		t.Fatal("nothing holds the DopplerSecret until its Secret is gone")
	}

	b.serve(nil)
	b.Left(b.NS, "deleted")
	b.Left(b.NS, "foreign")
	if b.Secret("deleted") != nil {
		t.Error("the Secret outlived its DopplerSecret")
	}
	b.Stays(foreign)
	b.Keep("token", "serviceToken", fresh)
	b.Carries("other", "K", "one")
	b.GoneIn(b.NS, "renamed")
}

// TestWithoutTheLanguageNothingHappens: it can be switched off.
func TestWithoutTheLanguageNothingHappens(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	_, stop := b.serve(func(o *operator.Options) { o.Languages.Without = append(o.Languages.Without, "doppler") })
	b.DS("app")
	b.Apply(operatortest.VaultStore)
	b.Eventually(func() error {
		return check(strings.Contains(b.States(), "vault: True"), "the operator does not work yet: %s", b.States())
	})
	if b.Secret("app") != nil || len(b.DopplerSecret("app").Status.Conditions) > 0 || len(b.DopplerSecret("app").Finalizers) > 0 {
		t.Errorf("it is %v", b.DopplerSecret("app"))
	}
	stop()
	b.serve(nil)
	b.Carries("app", "K", "one")
}

// TestWhatIsNotRestartedIsSaid in the condition, for as long as it is so.
func TestWhatIsNotRestartedIsSaid(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	tap, stop := b.tapped()
	b.DS("app", "resyncSeconds: 1")
	b.Carries("app", "K", "one")
	b.deploy()
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionTrue, "OK", "1 found")
	forbidden := testkit.Answer{Status: http.StatusForbidden, Body: `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`}
	tap.Set(func(r *http.Request) error {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/deployments/") {
			return forbidden
		}
		return nil
	}, nil)
	b.Set("K", "two")
	b.Carries("app", "K", "two")
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionFalse, "Error", "Deployment reconcile failed: ", "Deployment "+b.NS+"/web")
	tap.Set(nil, nil)
	b.sets(2)
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionTrue, "OK", "1 found")
	stop()
	b.serve(func(o *operator.Options) { o.Rollouts.Off = true })
	b.Says("app", dopplertest.ReloadReady, metav1.ConditionFalse, "Error", "--no-rollouts")
}
