package rollouts_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// proxied is a way to the API server that a test can break.
func (b *bed) proxied() (*testkit.Proxy, *rest.Config) {
	b.t.Helper()
	config := b.plane.Config()
	proxy := testkit.NewProxy(b.t, config.Host, config.CAData)
	config.Host, config.TLSClientConfig = proxy.URL, rest.TLSClientConfig{}
	return proxy, config
}

// patches limits a fault to writes of Deployments.
func patches(f testkit.Fault) testkit.Fault {
	f.Match = func(r *http.Request) bool {
		return r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/deployments/")
	}
	return f
}

func TestNoneIsLostInAStormOfConflicts(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	ctx, stop := context.WithCancel(t.Context())
	var writes atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = b.ns, "web"
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"storm":"%d"}}}`, writes.Add(1))
			_ = b.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(patch)))
		}
	}()
	last := ""
	for i := range int32(10) {
		b.eventually(func() error {
			if n := writes.Load(); n < 3*(i+1) {
				return fmt.Errorf("that is no storm: %d writes", n)
			}
			return nil
		})
		b.secret("app", fmt.Sprint("round ", i))
		last = b.marked("web", variable, last)
	}
	stop()
	<-ended
	b.settled()
	b.sets("web", 11)
}

func TestNoneIsLostWhenTheAPIServerStumbles(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	proxy, config := b.proxied()
	r := b.operate(func(s *setup) { s.config = config })
	b.recorded("Deployment", "web", "Secret/app")
	b.settled()
	refuse := http.Header{"Content-Type": {"application/json"}}
	reads := testkit.Status(http.StatusInternalServerError, nil, "").OnPrefix("/api/v1/namespaces/" + b.ns + "/secrets/app")
	last := ""
	for name, fault := range map[string]testkit.Fault{
		"writes are cut off": patches(testkit.Down()),
		"writes fail":        patches(testkit.Status(http.StatusInternalServerError, nil, "")),
		"writes are invalid": patches(testkit.Status(http.StatusUnprocessableEntity, refuse,
			`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"canary-in-message"}`)),
		"answers are cut": patches(testkit.Cut()),
		"reads fail":      reads,
	} {
		before := counted(t, r, "Failed")
		proxy.Set(fault)
		b.secret("app", name)
		b.eventually(func() error {
			if counted(t, r, "Failed") == before {
				return fmt.Errorf("%s: no failure", name)
			}
			return nil
		})
		if name != "answers are cut" { // there the write arrives
			if got := b.env("web", variable); got != last {
				t.Errorf("%s: restarted all the same", name)
			}
		}
		proxy.Set(testkit.None)
		last = b.marked("web", variable, last)
	}
	b.event("web", "ReloadFail")
	b.settled()
	b.sets("web", 6)
	events := &corev1.EventList{}
	b.must(b.List(t.Context(), events, client.InNamespace(b.ns)))
	if strings.Contains(fmt.Sprint(events.Items), "canary-in-message") {
		t.Error("what the API server quotes is in an event")
	}
}

// counted is how many restarts ended so.
func counted(t *testing.T, r *running, result string) (n float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.runner.Metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tacit_rollouts_total" && strings.Contains(m.String(), result) {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func TestForbiddenIsSaidAndTriedAgain(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	proxy, config := b.proxied()
	b.operate(func(s *setup) { s.config = config })
	b.recorded("Deployment", "web", "Secret/app")
	proxy.Set(patches(testkit.Status(http.StatusForbidden, http.Header{"Content-Type": {"application/json"}},
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`)))
	b.secret("app", "two")
	b.event("web", "ReloadFail", "forbids", "get and patch")
	proxy.Set(testkit.None)
	b.marked("web", variable, "")
	b.event("web", "Reloaded")
}

func TestTheLimitSpreadsRestartsAndJoinsWhatWaits(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	for _, name := range []string{"second", "third"} {
		b.apply(workload("Deployment", name, auto, "Secret/app"))
	}
	limit, c := rollout.NewLimit(60, 1), &clock{}
	r := b.operate(func(s *setup) {
		s.limit = limit
		c.on(s)
	})
	names := []string{"web", "second", "third"}
	for _, name := range names {
		b.recorded("Deployment", name, "Secret/app")
	}
	restarted := func(want float64, waiting int) {
		t.Helper()
		b.eventually(func() error {
			if n, wait := counted(t, r, "Restarted"), limit.Waiting(); n != want || wait != waiting {
				return fmt.Errorf("%v restarts, and %d wait; want %v and %d", n, wait, want, waiting)
			}
			return nil
		})
	}
	b.secret("app", "two")
	restarted(1, 2)
	b.secret("app", "three") // joins what waits
	restarted(1, 3)          // the first, too, for which it is another change
	c.pass(time.Second)
	restarted(2, 2)
	c.pass(time.Second)
	restarted(3, 1)
	c.pass(time.Minute)
	want := r.runner.Digest(delivery.ObjectRef{Kind: "Secret", Namespace: b.ns, Name: "app"}, secret.Data{"k": secret.NewString("three")})
	b.eventually(func() error {
		for _, name := range names {
			if b.env(name, variable) != want {
				return fmt.Errorf("%s is behind", name)
			}
		}
		return nil
	})
	restarted(4, 0)
}

func TestWaitingIsSaid(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.apply(workload("Deployment", "second", auto, "ConfigMap/conf"))
	b.configMap("conf", "one")
	limit, c := rollout.NewLimit(1, 1), &clock{}
	b.operate(func(s *setup) {
		s.limit = limit
		c.on(s)
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.recorded("Deployment", "second", "ConfigMap/conf")
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.configMap("conf", "two")
	b.event("second", "ReloadWaiting", "ConfigMap conf", "1 workloads a minute")
	if n := limit.Waiting(); n != 1 {
		t.Errorf("%d wait", n)
	}
	b.configMap("conf", "one")
	b.eventually(func() error {
		if n := limit.Waiting(); n != 0 {
			return fmt.Errorf("%d wait, though nothing differs any more", n)
		}
		return nil
	})
}

func TestHeldDeploymentGoesOnThoughTheOperatorWasRestarted(t *testing.T) {
	t.Parallel()
	const period = "deployment.reloader.stakater.com/pause-period"
	const at = "deployment.reloader.stakater.com/paused-at"
	b := served(t, auto+`, `+period+`: 1h`)
	first := b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.sets("web", 1)
	b.secret("app", "two")
	mark := b.marked("web", variable, "")
	d := b.deployment("web")
	if _, err := time.Parse(time.RFC3339, d.Annotations[at]); err != nil || !d.Spec.Paused {
		t.Fatalf("paused is %v at %q", d.Spec.Paused, d.Annotations[at])
	}
	b.event("web", "ReloadWaiting", "Secret app", "it is paused until")
	if n := counted(t, first, "Restarted"); n != 0 {
		t.Errorf("counted %v restarts of what is paused", n)
	}
	b.secret("app", "three")
	b.marked("web", variable, mark)
	b.sets("web", 1)
	first.stop()
	// As if an hour had passed.
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, at, time.Now().Add(-time.Hour+2*time.Second).UTC().Format(time.RFC3339))
	b.must(b.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, []byte(patch))))
	second := b.operate(nil)
	b.eventually(func() error {
		d = b.deployment("web")
		if _, there := d.Annotations[at]; d.Spec.Paused || there {
			return fmt.Errorf("paused is %v at %q", d.Spec.Paused, d.Annotations[at])
		}
		return nil
	})
	b.sets("web", 2)
	b.event("web", "Reloaded")
	if n := counted(t, second, "Restarted"); n != 1 {
		t.Errorf("counted %v restarts", n)
	}
}

func TestWhoPausedADeploymentHimselfKeepsIt(t *testing.T) {
	t.Parallel()
	b := served(t, auto+`, deployment.reloader.stakater.com/pause-period: 1s`)
	d := b.deployment("web")
	b.must(b.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"paused":true}}`))))
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.event("web", "ReloadWaiting", "Secret app", "kubectl rollout resume")
	b.settled()
	if d := b.deployment("web"); !d.Spec.Paused || d.Annotations["deployment.reloader.stakater.com/paused-at"] != "" || b.env("web", variable) != "" {
		t.Errorf("paused is %v, the annotations are %v, the mark is %q", d.Spec.Paused, d.Annotations, b.env("web", variable))
	}
	b.secret("app", "one")
	b.event("web", "ReloadSettled")
	b.secret("app", "three")
	b.settled()
	b.must(b.Patch(t.Context(), b.deployment("web"), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"paused":false},"metadata":{"annotations":{"deployment.reloader.stakater.com/pause-period":null}}}`))))
	b.marked("web", variable, "")
	b.event("web", "Reloaded", "Secret app")
	b.sets("web", 2)
}

func TestSwitchedOffAndOnAgain(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.must(b.Patch(t.Context(), b.deployment("web"), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"tacit.dev/rollouts":" Paused"}}}`))))
	b.settled()
	b.secret("app", "two")
	b.settled()
	b.secret("app", "three")
	b.settled()
	b.sets("web", 1)
	b.must(b.Patch(t.Context(), b.deployment("web"), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"tacit.dev/rollouts":null}}}`))))
	b.marked("web", variable, "")
	b.settled()
	b.sets("web", 2)
}

// TestAWordThatStopsNothingIsSaid: who meant to stop restarts must not find out
// by the next one.
func TestAWordThatStopsNothingIsSaid(t *testing.T) {
	t.Parallel()
	b := served(t, auto+`, tacit.dev/rollouts: "off"`)
	b.apply(workload("Deployment", "silent", `tacit.dev/rollouts: "stop"`, "Secret/app"))
	b.operate(nil)
	b.event("web", "ReloadFail", "tacit.dev/rollouts", `"off"`, `"paused"`)
	b.event("silent", "ReloadFail", `"stop"`) // another object may restart it
	b.recorded("Deployment", "web", "Secret/app")
	b.edit(`{"metadata":{"annotations":{"tacit.dev/rollouts":null}}}`)
	b.event("web", "ReloadSettled")
}

func TestABadAnnotationIsSaidAndTheRestHolds(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.secret("app", "one")
	b.apply(workload("Deployment", "web", `secret.reloader.stakater.com/reload: "(, app"`))
	b.operate(nil)
	b.event("web", "ReloadFail", "secret.reloader.stakater.com/reload", "regular expression")
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.marked("web", variable, "")
}
