package rollouts

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// act does what was decided, in one write.
func (r *reconciler) act(ctx context.Context, e *entry, d *decision, mem *memory) (time.Duration, error) {
	now := r.Runner.Now()
	act, until := r.wanted(ctx, e, d, mem, now)
	hold := e.hold()
	if act.Marks != nil && e.paused && !hold.on {
		r.halt(e, d, mem)
		return 0, nil // until it is resumed
	}
	until = sooner(until, hold.apply(&act, now))
	rolls := hold.rolls(&act)
	if wait := r.turn(e, d, mem, rolls); wait > 0 {
		return remaining(sooner(until, now.Add(wait)), now), nil
	}
	if act.Empty() {
		return remaining(until, now), nil
	}
	if err := r.write(ctx, act, d, mem, rolls, now); err != nil {
		return 0, err
	}
	switch {
	case rolls:
		r.tell(ctx, e, d, mem)
	case act.Marks != nil:
		r.held(e, d, mem, until)
	}
	return remaining(until, now), nil
}

// wanted is what the decision comes to, and when to look at it again; zero is
// when something changes.
func (r *reconciler) wanted(ctx context.Context, e *entry, d *decision, mem *memory, now time.Time) (act rollout.Act, until time.Time) {
	act = rollout.Act{Workload: e.id(), Version: e.ResourceVersion, Cause: d.identity}
	if !d.differs {
		return act, until
	}
	wait, yields, tell := mem.rival.yield(d.face, now, r.Patience)
	if tell {
		r.contested(ctx, e, &mem.rival)
	}
	if yields {
		if wait > 0 {
			until = now.Add(wait)
		}
		return act, until
	}
	act.Record = d.record
	if len(d.changed) == 0 {
		return act, until
	}
	if act.Marks = d.marks(e, now); act.Marks == nil {
		r.Runner.TellFailure(act.Workload, string(e.UID), "Changes detected, but "+act.Workload.String()+" has no containers of its own to restart")
	}
	return act, until
}

// write does an act, and remembers it. A turn is kept for the next try if it
// fails.
func (r *reconciler) write(ctx context.Context, act rollout.Act, d *decision, mem *memory, rolls bool, now time.Time) error {
	version, err := r.Runner.Apply(ctx, act)
	if err != nil {
		if rolls {
			r.Runner.Limit.Return(act.Workload, now)
		}
		return err
	}
	mem.version = version
	if act.Record != nil {
		mem.rival.restored(act.Record, d.face.contested, now)
	}
	return nil
}

// turn returns how long the workload has to wait for its turn; 0 if it is, or
// nothing is to be restarted.
func (r *reconciler) turn(e *entry, d *decision, mem *memory, rolls bool) time.Duration {
	now, id := r.Runner.Now(), e.id()
	if !rolls {
		r.Runner.Limit.Leave(id, now)
		mem.told = false
		if len(d.changed) == 0 && len(mem.held) == 0 {
			r.settle(e, mem)
		}
		return 0
	}
	wait := r.Runner.Limit.Wait(id, now)
	if wait > 0 && !mem.told {
		r.Runner.TellWaiting(id, string(e.UID), causesOf(d, mem), wait)
		mem.told, mem.troubled = true, true
	}
	return wait
}

// settle says that there is nothing to do, if something else was said before.
func (r *reconciler) settle(e *entry, mem *memory) {
	if mem.troubled {
		r.Runner.TellSettled(e.id(), string(e.UID))
	}
	mem.since, mem.troubled = time.Time{}, false
}

// halt says once that a Deployment is not restarted that its user has paused.
func (r *reconciler) halt(e *entry, d *decision, mem *memory) {
	r.Runner.Limit.Leave(e.id(), r.Runner.Now())
	if !mem.told {
		r.Runner.TellHalted(e.id(), string(e.UID), d.causes)
	}
	mem.told, mem.troubled = true, true
}

// tell says that the workload was restarted.
func (r *reconciler) tell(ctx context.Context, e *entry, d *decision, mem *memory) {
	causes := causesOf(d, mem)
	r.Runner.Tell(e.id(), string(e.UID), causes)
	if !mem.since.IsZero() {
		r.Runner.Metrics.Took(e.kind, r.Runner.Now().Sub(mem.since))
	}
	mem.since, mem.told, mem.troubled, mem.held = time.Time{}, false, false, nil
	log.FromContext(ctx).V(1).Info("restarted", "workload", e.String(), "because", causes)
}

// held says that the workload is paused until then.
func (r *reconciler) held(e *entry, d *decision, mem *memory, until time.Time) {
	r.Runner.TellHeld(e.id(), string(e.UID), d.causes, until)
	mem.held, mem.troubled = append(mem.held, d.causes...), true
}

// causesOf are those of a restart, with those that it was put off for.
func causesOf(d *decision, mem *memory) []string {
	causes := slices.Concat(mem.held, d.causes)
	if len(causes) == 0 {
		return []string{"what it uses"} // by an operator before us
	}
	slices.Sort(causes)
	return slices.Compact(causes)
}

// contested says once who else writes the record.
func (r *reconciler) contested(ctx context.Context, e *entry, v *rival) {
	if v.told {
		return
	}
	manager, err := r.Runner.RecordedBy(ctx, e.id())
	if err != nil {
		log.FromContext(ctx).V(1).Info("cannot tell who replaces the record", "workload", e.String())
		return
	}
	r.Runner.TellContested(e.id(), string(e.UID), manager)
	v.told = true
}

// complain tells once what is wrong with a workload's annotations. What could
// be understood of them is followed.
func (r *reconciler) complain(e *entry, mem *memory) {
	said := ""
	_, odd := rollout.Stopped(e.Annotations)
	if err := cmp.Or(odd, e.err); err != nil {
		said = err.Error()
	}
	switch {
	case said != "" && said != mem.invalid:
		r.Runner.TellInvalid(e.id(), string(e.UID), said)
	case said == "" && mem.invalid != "":
		mem.troubled = true // until the look that follows
	}
	mem.invalid = said
}
