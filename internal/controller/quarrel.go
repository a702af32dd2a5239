package controller

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// repairs are the writes to a destination in quick succession: somebody else
// may undo each of them.
type repairs struct {
	n    int
	last time.Time
	// seen is the destination as somebody left it, and touched since when.
	seen    string
	touched time.Time
	// waits: the next repair has to wait; told: the object says why.
	waits, told bool
}

// A destination is repaired at once so many times; then ever more slowly.
const (
	quickRepairs = 5
	repairWindow = 10 * time.Second
)

func (r *repairs) wrote(now time.Time) {
	if now.Sub(r.last) > repairWindow+r.pause() {
		r.n = 0
	}
	r.n, r.last = r.n+1, now
}

// war reports that somebody undoes what we write as fast as we can.
func (r *repairs) war() bool { return r.n > 3*quickRepairs }

// pause is how long after the last write the next repair has to wait.
func (r *repairs) pause() time.Duration {
	if r.n <= quickRepairs {
		return 0
	}
	return min(firstRetry<<min(r.n-quickRepairs-1, 16), lastRetry)
}

// wait is how long the next repair has to wait of a destination that was left
// as seen: for the pause, or until nobody touches it any more.
func (r *repairs) wait(seen string, now time.Time) time.Duration {
	if seen != r.seen {
		r.seen, r.touched = seen, now
	}
	pause := r.pause()
	if pause == 0 {
		return 0
	}
	return min(r.last.Add(pause).Sub(now), r.touched.Add(repairWindow).Sub(now))
}

// quarrel has the object say that somebody else writes its destination as
// often as it does: while it waits, what is there is wrong.
func (r *deliveryReconciler) quarrel(ctx context.Context, t *turn) {
	spot, _ := t.disputed()
	if !t.mem.repairs.waits || t.mem.repairs.told || spot == nil {
		return
	}
	dest := &t.Plan.Destination
	who := "somebody else"
	if manager := r.Engine.Writer.WrittenBy(ctx, t.Target(spot)); manager != "" {
		who += fmt.Sprintf(" (field manager %q)", manager)
	}
	out := delivery.Outcome{
		Result: delivery.Failed, At: r.Now(), Destination: delivery.DestinationOutcome{Bound: dest.Bound},
		Err: problem(delivery.Contested, fmt.Sprintf(
			"%s writes %s %s as often as it is put right, so that it is put right ever more slowly: let only one of the two write it",
			who, cmp.Or(dest.Kind, objects.Secret), spot)),
	}
	if err := r.report(ctx, t, out); err != nil {
		log.FromContext(ctx).V(1).Info("a quarrel could not be told", "error", err)
		return
	}
	t.mem.repairs.told, t.mem.result = true, out.Result
}
