package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// conclude writes the outcome down and says when to look again: the one place
// that turns outcomes into times.
func (r *deliveryReconciler) conclude(ctx context.Context, t *turn, out delivery.Outcome) (reconcile.Result, error) {
	r.Metrics.ended(r.name, t.woken.asked, r.Now(), &out)
	r.observe(t.Plan, &out)
	t.mem.result, t.mem.due = out.Result, time.Time{}
	result := reconcile.Result{Priority: &byTimer}
	switch out.Result {
	case delivery.Untouched, delivery.Waiting:
		// What woke this run still stands when the store is known.
		r.wakes.ask(t.name(), t.woken)
		r.memories.keep(t.name(), t.mem)
		return reconcile.Result{}, nil
	case delivery.Failed:
		result.RequeueAfter = r.failed(t, &out)
	default:
		result.RequeueAfter = r.succeeded(t, &out)
		out.Note = strings.Join(append(t.Plan.Warnings, notes(out.Note)...), "; ")
	}
	// Before the report too: the watch may bring what was written meanwhile.
	r.memories.keep(t.name(), t.mem)
	log.FromContext(ctx).V(1).Info("ran", "result", out.Result, "change", out.Destination.Change, "error", out.Err)
	if err := r.report(ctx, t, out); err != nil {
		if apierrors.HasStatusCause(err, "NamespaceTerminating") {
			return reconcile.Result{}, nil
		}
		return r.untold(ctx, t, err), nil
	}
	r.memories.keep(t.name(), t.mem)
	return result, nil
}

// failed notes a failure, and returns after how long to try again.
func (r *deliveryReconciler) failed(t *turn, out *delivery.Outcome) time.Duration {
	now, mem := r.Now(), &t.mem
	mem.failures++
	retry := r.afterFailure(t, out.Err)
	mem.tried, mem.quietUntil = t.Plan.Schedule.Fingerprint, now.Add(pauseAfter(out.Err, retry))
	if len(out.Destination.Refused) == 0 {
		return retry
	}
	// The others were served, and are as if nothing had happened.
	mem.done, mem.at = t.Plan.Schedule.Fingerprint, out.At
	if due := next(t.Plan, out); !due.IsZero() {
		retry = min(retry, max(due.Sub(now), minInterval))
	}
	return retry
}

// succeeded notes a success, and returns after how long a refresh is due; 0
// means when something changes.
func (r *deliveryReconciler) succeeded(t *turn, out *delivery.Outcome) time.Duration {
	now, mem := r.Now(), &t.mem
	change := out.Destination.Change
	mem.failures, mem.repairs.told = 0, false
	if repaired := change == delivery.Updated || change == delivery.Created && !mem.at.IsZero(); repaired && !t.woken.force {
		mem.repairs.wrote(now)
	}
	mem.done, mem.at = t.Plan.Schedule.Fingerprint, out.At
	if mem.due = next(t.Plan, out); mem.due.IsZero() {
		return 0
	}
	return max(mem.due.Sub(now), time.Millisecond)
}

// untold has an object run again whose status could not be written: what that
// does not say did not happen.
func (r *deliveryReconciler) untold(ctx context.Context, t *turn, err error) reconcile.Result {
	t.mem.untold++
	r.memories.keep(t.name(), t.mem)
	r.wakes.ask(t.name(), t.woken)
	log.FromContext(ctx).Error(err, "the status could not be written", "object", t.Plan.Object.String())
	return reconcile.Result{RequeueAfter: retryAfter(t.mem.untold, &delivery.Error{})}
}

// report has the language write the outcome into the object's status, but for
// one that is nobody's news, for the object runs again at once.
func (r *deliveryReconciler) report(ctx context.Context, t *turn, out delivery.Outcome) error {
	if out.Err != nil && out.Err.Kind == delivery.Conflict {
		return nil
	}
	version, err := r.patchStatus(ctx, r.kind, t.obj, func(o client.Object) []dialect.Event {
		events := r.dialect.Report(o, out, r.Now())
		if r.kind.Annotated {
			return t.mem.news(events, r.Now())
		}
		return events
	})
	if err == nil {
		t.mem.status, t.mem.untold = version, 0
	}
	return err
}

// record writes a lease into the object's status, and nothing over what
// somebody else wrote there meanwhile.
func (r *deliveryReconciler) record(ctx context.Context, t *turn, lease delivery.Lease) error {
	lender, ok := r.dialect.(dialect.Lender)
	if !ok {
		return fmt.Errorf("%s keeps no leases", r.name)
	}
	after := t.obj.DeepCopyObject().(client.Object)
	events := lender.RecordLease(after, lease, r.Now())
	version, err := r.patchExactly(ctx, r.kind, t.obj, after)
	if err != nil {
		return err
	}
	r.emit(after, events)
	after.SetResourceVersion(version)
	t.obj, t.mem.status = after, version
	return nil
}

// conflictRetry is short: the watch brings the other's write in the meantime,
// and the next run reads the Secret rather than trust its memory.
const conflictRetry = 20 * time.Millisecond

// afterFailure is when to try again; 0 means when something changes. What
// might be the store's own trouble has the store looked at.
func (r *deliveryReconciler) afterFailure(t *turn, err *delivery.Error) time.Duration {
	switch {
	case err.Kind == delivery.Conflict:
		r.wakes.ask(t.name(), t.woken)
		t.mem.targets = t.mem.targets.abroad()
		if t.mem.failures <= 3 {
			return conflictRetry
		}
	case err.Kind == delivery.StoreMissing || err.Kind == delivery.StoreNotReady || err.Kind.Final():
		// Woken by the store, the manifest or the target. The long retry is
		// for what was missed.
		return lastRetry
	case err.Kind == delivery.Unavailable || err.Kind == delivery.Refused || err.Kind == delivery.Misconfigured:
		for _, ref := range t.Plan.Stores() {
			r.suspect(ref)
		}
	}
	retry := retryAfter(t.mem.failures, err)
	if len(t.Plan.Inline) > 0 && err.Kind == delivery.Unavailable {
		// Nothing else looks whether such a store is back.
		retry = max(min(retry, lastStoreRetry), err.RetryAfter)
	}
	return retry
}

// pauseAfter is how long a failure keeps off events that say nothing new about
// it: what the store asked for, or enough that nobody can have an object run
// without end by touching what it wants.
func pauseAfter(err *delivery.Error, retry time.Duration) time.Duration {
	switch err.Kind {
	case delivery.Conflict:
		return 0
	case delivery.Throttled, delivery.Unavailable, delivery.Refused:
		return retry
	}
	return min(retry, minInterval)
}
