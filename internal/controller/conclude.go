package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// conclude writes the outcome down and says when to look again: the one place
// that turns outcomes into times.
func (r *deliveryReconciler) conclude(ctx context.Context, obj client.Object, plan *delivery.Delivery, mem memory, woken wake, out delivery.Outcome) (reconcile.Result, error) {
	name := client.ObjectKeyFromObject(obj)
	r.Metrics.ended(r.name, woken.asked, r.Now(), &out)
	r.observe(plan, &out)
	mem.result, mem.due = out.Result, time.Time{}
	result := reconcile.Result{Priority: &byTimer}
	switch out.Result {
	case delivery.Untouched, delivery.Waiting:
		// What woke this run still stands when the store is known.
		r.wakes.ask(name, woken)
		r.memories.keep(name, mem)
		return reconcile.Result{}, nil
	case delivery.Failed:
		result.RequeueAfter = r.failed(plan, &mem, &out)
	default:
		result.RequeueAfter = r.succeeded(plan, &mem, woken, &out)
		out.Note = strings.Join(append(plan.Warnings, notes(out.Note)...), "; ")
	}
	r.memories.keep(name, mem)
	if out.Err != nil && out.Err.Kind == delivery.Conflict {
		r.wakes.ask(name, woken) // with what the other one wrote
	}
	log.FromContext(ctx).V(1).Info("ran", "result", out.Result, "change", out.Destination.Change, "error", out.Err)
	if err := r.report(ctx, obj, &mem, out); err != nil {
		if apierrors.HasStatusCause(err, "NamespaceTerminating") {
			return reconcile.Result{}, nil
		}
		return r.untold(ctx, plan, mem, woken, err), nil
	}
	r.memories.keep(name, mem)
	return result, nil
}

// failed notes a failure, and returns after how long to try again.
func (r *deliveryReconciler) failed(plan *delivery.Delivery, mem *memory, out *delivery.Outcome) time.Duration {
	now := r.Now()
	mem.failures++
	retry := r.afterFailure(plan, mem, out.Err)
	mem.tried, mem.quietUntil = plan.Schedule.Fingerprint, now.Add(pauseAfter(out.Err, retry))
	if len(out.Destination.Refused) == 0 {
		return retry
	}
	// The others were served, and are as if nothing had happened.
	mem.done, mem.at = plan.Schedule.Fingerprint, out.At
	if due := next(plan, out); !due.IsZero() {
		retry = min(retry, max(due.Sub(now), minInterval))
	}
	return retry
}

// succeeded notes a success, and returns after how long a refresh is due; 0
// means when something changes.
func (r *deliveryReconciler) succeeded(plan *delivery.Delivery, mem *memory, woken wake, out *delivery.Outcome) time.Duration {
	now := r.Now()
	change := out.Destination.Change
	mem.failures, mem.repairs.told = 0, false
	if repaired := change == delivery.Updated || change == delivery.Created && !mem.at.IsZero(); repaired && !woken.force {
		mem.repairs.wrote(now)
	}
	mem.done, mem.at = plan.Schedule.Fingerprint, out.At
	if mem.due = next(plan, out); mem.due.IsZero() {
		return 0
	}
	return max(mem.due.Sub(now), time.Millisecond)
}

// untold has an object run again whose status could not be written: what that
// does not say did not happen.
func (r *deliveryReconciler) untold(ctx context.Context, plan *delivery.Delivery, mem memory, woken wake, err error) reconcile.Result {
	name := types.NamespacedName{Namespace: plan.Object.Namespace, Name: plan.Object.Name}
	mem.untold++
	r.memories.keep(name, mem)
	r.wakes.ask(name, woken)
	log.FromContext(ctx).Error(err, "the status could not be written", "object", plan.Object.String())
	return reconcile.Result{RequeueAfter: retryAfter(mem.untold, &delivery.Error{})}
}

// report has the language write the outcome into the object's status, but for
// one that is nobody's news, for the object runs again at once.
func (r *deliveryReconciler) report(ctx context.Context, obj client.Object, mem *memory, out delivery.Outcome) error {
	if out.Err != nil && out.Err.Kind == delivery.Conflict {
		return nil
	}
	version, err := r.patchStatus(ctx, r.kind, obj, func(o client.Object) []dialect.Event {
		events := r.dialect.Report(o, out, r.Now())
		if r.kind.Annotated {
			return mem.news(events, r.Now())
		}
		return events
	})
	if err == nil {
		mem.status, mem.untold = version, 0
	}
	return err
}

// record writes a lease into the object's status, and nothing over what
// somebody else wrote there meanwhile. It returns the object as it is then.
func (r *deliveryReconciler) record(ctx context.Context, obj client.Object, mem *memory, lease delivery.Lease) (client.Object, error) {
	lender, ok := r.dialect.(dialect.Lender)
	if !ok {
		return obj, fmt.Errorf("%s keeps no leases", r.name)
	}
	after := obj.DeepCopyObject().(client.Object)
	events := lender.RecordLease(after, lease, r.Now())
	version, err := r.patchExactly(ctx, r.kind, obj, after)
	if err != nil {
		return obj, err
	}
	r.emit(after, events)
	after.SetResourceVersion(version)
	mem.status = version
	return after, nil
}

// conflictRetry is short: the watch brings the other's write in the meantime,
// and the next run reads the Secret rather than trust its memory.
const conflictRetry = 20 * time.Millisecond

// afterFailure is when to try again; 0 means when something changes. What
// might be the store's own trouble has the store looked at.
func (r *deliveryReconciler) afterFailure(plan *delivery.Delivery, mem *memory, err *delivery.Error) time.Duration {
	switch {
	case err.Kind == delivery.Conflict:
		mem.targets = mem.targets.abroad()
		if mem.failures <= 3 {
			return conflictRetry
		}
	case err.Kind == delivery.StoreMissing || err.Kind == delivery.StoreNotReady || err.Kind.Final():
		// Woken by the store, the manifest or the target. The long retry is
		// for what was missed.
		return lastRetry
	case err.Kind == delivery.Unavailable || err.Kind == delivery.Refused || err.Kind == delivery.Misconfigured:
		for _, ref := range plan.Stores() {
			r.suspect(ref)
		}
	}
	retry := retryAfter(mem.failures, err)
	if len(plan.Inline) > 0 && err.Kind == delivery.Unavailable {
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
