package rollouts_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
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
	ended := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			d := b.get("Deployment", "web")
			patch := fmt.Sprintf(`{"metadata":{"annotations":{"storm":"%d"}}}`, n)
			_ = b.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(patch)))
		}
		ended <- n
	}()
	last := ""
	for i := range 10 {
		b.secret("app", fmt.Sprint("round ", i))
		last = b.marked("web", variable, last)
	}
	stop()
	if n := <-ended; n < 20 {
		t.Errorf("that was no storm: %d writes", n)
	}
	b.settled()
	b.sets("web", 11)
}

func TestNoneIsLostWhenTheAPIServerStumbles(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	proxy, config := b.proxied()
	b.operate(func(s *setup) { s.config = config })
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
		proxy.Set(fault)
		b.secret("app", name)
		if name != "answers are cut" { // there the write arrives
			b.event("web", "ReloadFail")
			if got := b.env("web", variable); got != last {
				t.Errorf("%s: restarted all the same", name)
			}
		}
		proxy.Set(testkit.None)
		last = b.marked("web", variable, last)
	}
	b.settled()
	b.sets("web", 6)
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
	limit := rollout.NewLimit(30, 1) // one every two seconds
	b.operate(func(s *setup) { s.limit = limit })
	names := []string{"web", "second", "third"}
	for _, name := range names {
		b.recorded("Deployment", name, "Secret/app")
	}
	restarted := func() (n int) {
		for _, name := range names {
			if b.env(name, variable) != "" {
				n++
			}
		}
		return n
	}
	began := time.Now()
	b.secret("app", "two")
	b.eventually(func() error {
		if limit.Waiting() == 0 {
			return fmt.Errorf("nobody waits")
		}
		return nil
	})
	b.secret("app", "three") // joins what waits
	b.eventually(func() error {
		if n := restarted(); n < len(names) {
			return fmt.Errorf("%d restarted", n)
		}
		return nil
	})
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("all three within %v", took)
	}
	waited := 0
	for _, name := range names {
		if b.env(name, variable) == b.env("third", variable) {
			waited++
		}
	}
	if waited < 2 {
		t.Error("a change that came while they waited was not joined")
	}
	b.eventually(func() error {
		for _, name := range names {
			if b.env(name, variable) != b.env("third", variable) {
				return fmt.Errorf("%s is behind", name)
			}
		}
		return nil
	})
}

func TestWaitingIsSaid(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.apply(workload("Deployment", "second", auto, "ConfigMap/conf"))
	b.configMap("conf", "one")
	limit := rollout.NewLimit(1, 1)
	b.operate(func(s *setup) { s.limit = limit })
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
	b.secret("app", "three")
	b.marked("web", variable, mark)
	b.sets("web", 1)
	first.stop()
	// As if an hour had passed.
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, at, time.Now().Add(-time.Hour+2*time.Second).UTC().Format(time.RFC3339))
	b.must(b.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, []byte(patch))))
	b.operate(nil)
	b.eventually(func() error {
		d = b.deployment("web")
		if _, there := d.Annotations[at]; d.Spec.Paused || there {
			return fmt.Errorf("paused is %v at %q", d.Spec.Paused, d.Annotations[at])
		}
		return nil
	})
	b.sets("web", 2)
}

func TestWhoPausedADeploymentHimselfKeepsIt(t *testing.T) {
	t.Parallel()
	b := served(t, auto+`, deployment.reloader.stakater.com/pause-period: 1s`)
	d := b.deployment("web")
	b.must(b.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"paused":true}}`))))
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.settled()
	if d := b.deployment("web"); !d.Spec.Paused {
		t.Error("it goes on")
	}
}

func TestSwitchedOffAndOnAgain(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.must(b.Patch(t.Context(), b.deployment("web"), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"tacit.dev/rollouts":"paused"}}}`))))
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
