package rollouts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// TestChangesThatKeepComingAreFewRollouts: the first at once, and what changes
// soon after is one more, with what it was last.
func TestChangesThatKeepComingAreFewRollouts(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.apply(workload("Deployment", "other", auto, "Secret/second"))
	b.secret("second", "one")
	limit, c := rollout.NewLimit(600, 30), &clock{}
	r := b.operate(func(s *setup) {
		s.limit = limit
		c.on(s)
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.recorded("Deployment", "other", "Secret/second")
	b.secret("app", "two")
	b.marked("web", variable, "")
	for i := range 20 {
		b.secret("app", fmt.Sprint("round ", i))
	}
	b.event("web", "ReloadWaiting", "Secret app", "restarted just now")
	b.secret("app", "last")
	if n := limit.Waiting(); n != 1 {
		t.Errorf("%d wait", n)
	}
	b.secret("second", "two")
	b.marked("other", "STAKATER_SECOND_SECRET", "")
	if n := limit.Waiting(); n != 1 {
		t.Errorf("%d wait once another was restarted", n)
	}
	c.pass(time.Minute)
	want := r.runner.Digest(delivery.ObjectRef{Kind: "Secret", Namespace: b.ns, Name: "app"}, secret.Data{"k": secret.NewString("last")})
	b.eventually(func() error {
		if b.env("web", variable) != want {
			return fmt.Errorf("it is behind")
		}
		return nil
	})
	b.sets("web", 3)
}

// TestTheEndOfAPauseWaitsForItsTurn: what is written to a Deployment that is
// held restarts nobody, and its going on does.
func TestTheEndOfAPauseWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b := served(t, auto+`, deployment.reloader.stakater.com/pause-period: 1s`)
	b.apply(workload("Deployment", "other", auto, "Secret/second"))
	b.secret("second", "one")
	limit, c := rollout.NewLimit(6, 1), &clock{}
	b.operate(func(s *setup) {
		s.limit = limit
		c.on(s)
	})
	b.recorded("Deployment", "web", "Secret/app")
	b.recorded("Deployment", "other", "Secret/second")
	b.secret("second", "two")
	b.marked("other", "STAKATER_SECOND_SECRET", "")
	b.secret("app", "two")
	b.marked("web", variable, "") // though it is not its turn
	c.pass(2 * time.Second)       // the pause is over
	b.event("web", "ReloadWaiting", "Secret app", "6 workloads a minute")
	b.sets("web", 1)
	if d := b.deployment("web"); !d.Spec.Paused || d.Annotations["deployment.reloader.stakater.com/paused-at"] == "" {
		t.Errorf("it went on: %v", d.Annotations)
	}
	c.pass(time.Minute)
	b.sets("web", 2)
	b.event("web", "Reloaded", "Secret app")
}
