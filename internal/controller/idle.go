package controller

import (
	"context"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// atOnce stands for "now" where idle answers how long nothing needs to be done.
const atOnce time.Duration = -1

// idle returns how long the object can be left alone, or atOnce.
func (r *deliveryReconciler) idle(ctx context.Context, t *turn) time.Duration {
	plan, mem, now := t.Plan, &t.mem, t.now
	s := &plan.Schedule
	last, current := s.LastRun, s.Current
	if mem.at.After(last) {
		last, current = mem.at, mem.done == s.Fingerprint
	}
	t.Intact = r.intact(t, current)
	t.Settled = mem.failures == 0 && current && !(s.Failing && mem.at.IsZero())
	if wait := mem.quietUntil.Sub(now); mem.failures > 0 && wait > 0 && mem.tried == s.Fingerprint && !t.woken.deliberate() {
		return wait
	}
	switch {
	case mem.failures > 0, mem.untold > 0, mem.repairs.told && t.Intact, s.Failing && mem.at.IsZero(), due(plan, current, last, now):
		return atOnce
	case mem.at.IsZero() && unsure(plan):
		return atOnce
	case !settled(s, current) && r.outdated(ctx, t):
		return atOnce
	case !t.Intact:
		if r.unseen(t) {
			return cacheLag
		}
		if r.recognise(ctx, t) {
			if mem.repairs.told {
				return atOnce // to take it back
			}
			break
		}
		_, seen := t.disputed()
		wait := mem.repairs.wait(seen, now)
		if mem.repairs.waits = wait > 0 && (!t.unmet() || mem.repairs.war()); mem.repairs.waits {
			return wait
		}
		return atOnce
	}
	if mem.result == "" {
		mem.result = delivery.Synced
	}
	if !periodic(s) {
		return 0
	}
	mem.due = nextTick(plan, last)
	return max(mem.due.Sub(now), time.Millisecond)
}

// unsure reports that the plan holds a lease which may end at any moment: whoever
// took it out did not record until when its login lasts.
func unsure(plan *delivery.Delivery) bool {
	return plan.Leases != nil && !plan.Leases.Held.IsZero() && plan.Leases.Held.Until.IsZero()
}

// settled reports that the plan, having run, reads its sources again for no
// other reason than its own manifest: not even a changed store overrules a
// policy that says so.
func settled(s *delivery.Schedule, current bool) bool {
	return s.Policy == delivery.CreatedOnce || s.Policy == delivery.OnChange && current ||
		s.Policy == delivery.Periodic && s.Interval <= 0
}

// outdated reports that what the plan depends on is not what it last ran
// with, or may not be.
func (r *deliveryReconciler) outdated(ctx context.Context, t *turn) bool {
	return t.woken.force ||
		t.woken.access && r.access.denied(ctx, t.Plan) ||
		t.woken.store && t.mem.stores != r.access.fingerprint(ctx, t.Plan) ||
		t.mem.at.IsZero() && readsObjects(t.Plan)
}
