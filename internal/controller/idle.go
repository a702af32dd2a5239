package controller

import (
	"context"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
)

// atOnce stands for "now" where idle answers how long nothing needs to be done.
const atOnce time.Duration = -1

// idle returns how long the object can be left alone, or atOnce.
func (r *deliveryReconciler) idle(ctx context.Context, job *engine.Job, mem *memory, woken wake, now time.Time) time.Duration {
	plan := job.Plan
	s := &plan.Schedule
	last, current := s.LastRun, s.Current
	if mem.at.After(last) {
		last, current = mem.at, mem.done == s.Fingerprint
	}
	job.Intact = r.intact(job, mem, current)
	job.Settled = mem.failures == 0 && current && !(s.Failing && mem.at.IsZero())
	if wait := mem.quietUntil.Sub(now); mem.failures > 0 && wait > 0 && mem.tried == s.Fingerprint && !woken.deliberate() {
		return wait
	}
	switch {
	case mem.failures > 0, mem.untold > 0, mem.repairs.told && job.Intact, s.Failing && mem.at.IsZero(), due(plan, current, last, now):
		return atOnce
	case !settled(s, current) && r.outdated(ctx, plan, mem, woken):
		return atOnce
	case !job.Intact:
		if r.unseen(job) {
			return cacheLag
		}
		if r.recognise(ctx, job, mem) {
			if mem.repairs.told {
				return atOnce // to take it back
			}
			break
		}
		_, seen := disputed(job)
		wait := mem.repairs.wait(seen, now)
		if mem.repairs.waits = wait > 0 && (!unmet(job) || mem.repairs.war()); mem.repairs.waits {
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

// settled reports that the plan, having run, reads its sources again for no
// other reason than its own manifest: not even a changed store overrules a
// policy that says so.
func settled(s *delivery.Schedule, current bool) bool {
	return s.Policy == delivery.CreatedOnce || s.Policy == delivery.OnChange && current ||
		s.Policy == delivery.Periodic && s.Interval <= 0
}

// outdated reports that what the plan depends on is not what it last ran
// with, or may not be.
func (r *deliveryReconciler) outdated(ctx context.Context, plan *delivery.Delivery, mem *memory, woken wake) bool {
	return woken.force ||
		woken.access && r.access.denied(ctx, plan) ||
		woken.store && mem.stores != r.access.fingerprint(ctx, plan) ||
		mem.at.IsZero() && readsObjects(plan)
}
