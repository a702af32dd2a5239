package controller

import (
	"context"
	"errors"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// deliveryReconciler runs the objects of one kind.
type deliveryReconciler struct {
	*Shared
	// name tells the kind from others of its GVK.
	name     string
	dialect  dialect.Deliveries
	kind     dialect.Kind
	objects  finder
	access   *access
	wakes    *wakes
	memories *memories
	abroad   abroad
	// suspect has a store validated that an object had trouble with.
	suspect func(delivery.StoreRef)
}

// Priorities in the queue: what somebody just did goes before what a timer
// or a store woke.
var (
	byTimer = -100
	byStore = -10
)

// Reconcile implements reconcile.Reconciler.
func (r *deliveryReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	now := r.Now()
	obj, err := r.objects.get(ctx, req.NamespacedName)
	if err != nil {
		if client.IgnoreNotFound(err) == nil {
			return r.gone(ctx, req.NamespacedName)
		}
		return reconcile.Result{}, err
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		return r.goes(ctx, obj)
	}
	mem := r.memories.of(req.NamespacedName, obj.GetUID())
	if target.Older(obj.GetResourceVersion(), mem.status) {
		return reconcile.Result{RequeueAfter: cacheLag}, nil
	}
	woken := r.woken(req.NamespacedName, &mem, now)
	r.Metrics.began(r.name, woken.asked, now)

	plan, err := r.dialect.Translate(obj)
	if err == nil && r.kind.Annotated && plan.Destination.Name == "" {
		return r.gone(ctx, req.NamespacedName)
	}
	job := engine.Job{Plan: &plan, OwnerOf: r.ownerOf()}
	if err == nil {
		job.Places, job.Unwanted, err = r.places(ctx, &plan, &mem)
	}
	if err == nil {
		if idle := r.idle(ctx, &job, &mem, woken, now); idle != run {
			r.memories.keep(req.NamespacedName, mem)
			return reconcile.Result{RequeueAfter: idle, Priority: &byTimer}, nil
		}
		if obj, err = r.guard(ctx, obj, plan.Finalizer); err != nil {
			r.wakes.ask(req.NamespacedName, woken)
			r.memories.keep(req.NamespacedName, mem)
			return reconcile.Result{}, err
		}
	}
	job.Record = func(ctx context.Context, lease delivery.Lease) error {
		var err error
		obj, err = r.record(ctx, obj, &mem, lease)
		return err
	}
	out := r.run(ctx, &job, &mem, woken, err)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	return r.conclude(ctx, obj, &plan, mem, woken, out)
}

// readsObjects reports that the plan reads objects of the cluster, of which a
// status does not say in which version.
func readsObjects(plan *delivery.Delivery) bool {
	return len(templates(plan)) > 0 || len(plan.Objects()) > 0
}

// templates are the objects that the plan takes templates from.
func templates(plan *delivery.Delivery) []*delivery.TemplateObject {
	if plan.Shape.Template == nil {
		return nil
	}
	var all []*delivery.TemplateObject
	for i := range plan.Shape.Template.From {
		if o := plan.Shape.Template.From[i].Object; o != nil {
			all = append(all, o)
		}
	}
	return all
}

// woken says why the object runs and since when.
func (r *deliveryReconciler) woken(name types.NamespacedName, mem *memory, now time.Time) wake {
	if w, ok := r.wakes.take(name); ok {
		return w
	}
	// A timer: the refresh was asked for when it was due, the same moment
	// for all that share its slot.
	if !mem.due.IsZero() && !mem.due.After(now) && mem.failures == 0 {
		return wake{asked: mem.due}
	}
	return wake{asked: now}
}

// run stands for "now" where idle answers how long nothing needs to be done.
const run time.Duration = -1

// idle returns how long the object can be left alone, or run.
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
	case mem.failures > 0, mem.untold > 0, s.Failing && mem.at.IsZero(), due(plan, current, last, now):
		return run
	case !settled(s, current) && r.outdated(ctx, plan, mem, woken):
		return run
	case !job.Intact:
		if r.unseen(job) {
			return cacheLag
		}
		if r.recognise(ctx, job, mem) {
			break
		}
		if wait := mem.repairs.pause() - now.Sub(mem.repairs.last); wait > 0 && (!unmet(job) || mem.repairs.war()) {
			return wait
		}
		return run
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

// run runs the plan, unless err says already why it cannot.
func (r *deliveryReconciler) run(ctx context.Context, job *engine.Job, mem *memory, woken wake, err error) delivery.Outcome {
	plan := job.Plan
	// Before the run, so that a store which changes meanwhile is noticed.
	used := r.access.fingerprint(ctx, plan)
	if err == nil {
		var stores map[delivery.StoreRef]*delivery.Store
		stores, err = r.access.stores(ctx, plan)
		job.Stores = &reader{r.Broker, stores, plan.Object.Namespace, woken.asked}
	}
	switch {
	case errors.Is(err, errOtherClass):
		return delivery.Outcome{Result: delivery.Untouched}
	case errors.Is(err, errWait):
		return delivery.Outcome{Result: delivery.Waiting}
	case err != nil:
		return delivery.Outcome{Result: delivery.Failed, Err: asFailure(err), Destination: delivery.DestinationOutcome{Bound: plan.Destination.Bound}, At: r.Now()}
	}
	out := r.Engine.Run(ctx, *job)
	mem.targets = remember(job.Places)
	if out.Err == nil {
		mem.stores = used
		for _, p := range job.Unwanted {
			if p.Seen != nil {
				mem.spare(p.Place, p.Seen.ResourceVersion)
			}
		}
	} else {
		mem.targets = mem.targets.with(job.Unwanted)
	}
	if r.Reloadable != nil && plan.Destination.Kind != objects.ConfigMap && plan.Destination.Spread == nil && plan.Destination.Name != "" {
		out.Rollout.Reloadable = r.Reloadable(plan.Destination.Namespace, plan.Destination.Name)
	}
	return out
}

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
		// Run again with what the other one wrote; not worth a status.
		r.wakes.ask(name, woken)
		return result, nil
	}
	log.FromContext(ctx).V(1).Info("ran", "result", out.Result, "change", out.Destination.Change, "error", out.Err)
	if err := r.report(ctx, obj, &mem, out); err != nil {
		if apierrors.HasStatusCause(err, "NamespaceTerminating") {
			return reconcile.Result{}, nil
		}
		return r.untold(ctx, plan, mem, woken, err), nil
	}
	mem.untold = 0
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
	mem.failures = 0
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

// report has the language write the outcome into the object's status.
func (r *deliveryReconciler) report(ctx context.Context, obj client.Object, mem *memory, out delivery.Outcome) error {
	version, err := r.patchStatus(ctx, r.kind, obj, func(o client.Object) []dialect.Event {
		events := r.dialect.Report(o, out, r.Now())
		if r.kind.Annotated {
			return mem.news(events, r.Now())
		}
		return events
	})
	if err == nil {
		mem.status = version
	}
	return err
}

// record writes a lease into the object's status, and nothing over what
// somebody else wrote there meanwhile. It returns the object as it is then.
func (r *deliveryReconciler) record(ctx context.Context, obj client.Object, mem *memory, lease delivery.Lease) (client.Object, error) {
	after := obj.DeepCopyObject().(client.Object)
	events := r.dialect.Report(after, delivery.Outcome{Result: delivery.Waiting, Lease: delivery.LeaseOutcome{Held: lease}, At: r.Now()}, r.Now())
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
