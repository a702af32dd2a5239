package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// deliveryReconciler runs the objects of one kind.
type deliveryReconciler struct {
	*Shared
	dialect  dialect.Deliveries
	kind     dialect.Kind
	access   *access
	wakes    *wakes
	memories *memories
	// suspect has a store validated that an object had trouble with.
	suspect func(delivery.StoreRef)
	// uses starts the watch of ConfigMaps if the plan has some.
	uses func(configMaps bool) error
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
	obj := r.kind.New()
	if err := r.Cluster.GetCache().Get(ctx, req.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.memories.forget(req.NamespacedName)
			r.wakes.take(req.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		r.memories.forget(req.NamespacedName)
		return reconcile.Result{}, r.release(ctx, obj, r.kind.Finalizers)
	}
	mem := r.memories.of(req.NamespacedName, obj.GetUID())
	if target.Older(obj.GetResourceVersion(), mem.status) {
		return reconcile.Result{RequeueAfter: cacheLag}, nil
	}
	woken := r.woken(req.NamespacedName, &mem, now)
	r.Metrics.began(r.kind.GVK.Kind, woken.asked, now)

	plan, err := r.dialect.Translate(obj)
	if err == nil {
		err = r.uses(usesConfigMap(&plan))
	}
	if err == nil {
		if idle := r.idle(ctx, &plan, &mem, woken, now); idle != run {
			r.memories.keep(req.NamespacedName, mem)
			return reconcile.Result{RequeueAfter: idle, Priority: &byTimer}, nil
		}
	}
	out := r.run(ctx, &plan, &mem, woken, err)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	return r.conclude(ctx, obj, &plan, mem, woken, out)
}

func usesConfigMap(plan *delivery.Delivery) bool {
	return slices.ContainsFunc(templates(plan), func(o *delivery.TemplateObject) bool { return o.Kind == "ConfigMap" })
}

func usesTemplates(plan *delivery.Delivery) bool { return len(templates(plan)) > 0 }

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
func (r *deliveryReconciler) idle(ctx context.Context, plan *delivery.Delivery, mem *memory, woken wake, now time.Time) time.Duration {
	s := &plan.Schedule
	last, current := s.LastRun, s.Current
	if mem.at.After(last) {
		last, current = mem.at, mem.done == s.Fingerprint
	}
	switch {
	case mem.failures > 0, s.Failing && mem.at.IsZero(), due(plan, current, last, now):
		return run
	case !settled(s, current) && r.outdated(ctx, plan, mem, woken):
		return run
	case !r.intact(plan, mem, current):
		var same bool
		if mem.target, same = r.Engine.Writer.Recognise(ctx, &plan.Destination, mem.target); same {
			break
		}
		if wait := mem.repairs.pause() - now.Sub(mem.repairs.last); wait > 0 {
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
		mem.at.IsZero() && usesTemplates(plan)
}

// intact reports that nobody touched the Secret since it was found right:
// its version is the one remembered, here or in the status.
func (r *deliveryReconciler) intact(plan *delivery.Delivery, mem *memory, current bool) bool {
	dest := &plan.Destination
	switch {
	case dest.Creation == delivery.None, dest.Creation == delivery.Orphan,
		mem.result == delivery.Retained, mem.result == delivery.Deleted:
		return true
	}
	got := r.Secrets.Get(dest.Namespace, dest.Name)
	if got == nil {
		return mem.result == delivery.Missing
	}
	if mem.target.Version != "" {
		return mem.target.Knows(got)
	}
	if dest.Bound.Name != dest.Name {
		return false
	}
	// After a start. Where reading the sources again could bring what the
	// policy does not want, a Secret that is there and ours is right.
	return dest.Bound.Version == got.ResourceVersion ||
		settled(&plan.Schedule, current) && target.Holds(dest, got)
}

// run runs the plan, unless err says already why it cannot.
func (r *deliveryReconciler) run(ctx context.Context, plan *delivery.Delivery, mem *memory, woken wake, err error) delivery.Outcome {
	job := engine.Job{Plan: plan, Memory: mem.target}
	// Before the run, so that a store which changes meanwhile is noticed.
	used := r.access.fingerprint(ctx, plan)
	if err == nil {
		var stores map[delivery.StoreRef]*delivery.Store
		stores, err = r.access.stores(ctx, plan)
		job.Stores = &reader{r.Broker, stores, plan.Object.Namespace, woken.asked}
	}
	job.Seen = r.Secrets.Get(plan.Destination.Namespace, plan.Destination.Name)
	switch {
	case errors.Is(err, errOtherClass):
		return delivery.Outcome{Result: delivery.Untouched}
	case errors.Is(err, errWait):
		return delivery.Outcome{Result: delivery.Waiting}
	case err != nil:
		var failure *delivery.Error
		if !errors.As(err, &failure) {
			failure = &delivery.Error{Kind: delivery.Unavailable, Message: "the operator's cache could not be read", Err: err}
		}
		return delivery.Outcome{Result: delivery.Failed, Err: failure, Target: plan.Destination.Bound, At: r.Now()}
	}
	var out delivery.Outcome
	out, mem.target = r.Engine.Run(ctx, job)
	if out.Err == nil {
		mem.stores = used
	}
	return out
}

// conclude writes the outcome down and says when to look again: the one place
// that turns outcomes into times.
func (r *deliveryReconciler) conclude(ctx context.Context, obj client.Object, plan *delivery.Delivery, mem memory, woken wake, out delivery.Outcome) (reconcile.Result, error) {
	name := client.ObjectKeyFromObject(obj)
	now := r.Now()
	r.Metrics.ended(r.kind.GVK.Kind, woken.asked, now, &out)
	mem.result, mem.due = out.Result, time.Time{}
	result := reconcile.Result{Priority: &byTimer}
	switch out.Result {
	case delivery.Untouched, delivery.Waiting:
		// What woke this run still stands when the store is known.
		r.wakes.ask(name, woken)
		r.memories.keep(name, mem)
		return reconcile.Result{}, nil
	case delivery.Failed:
		mem.failures++
		result.RequeueAfter = r.afterFailure(plan, &mem, out.Err)
	default:
		mem.failures, mem.done, mem.at = 0, plan.Schedule.Fingerprint, out.At
		if out.Change == delivery.Updated {
			mem.repairs.wrote(now)
		}
		if periodic(&plan.Schedule) {
			mem.due = nextTick(plan, out.At)
			result.RequeueAfter = max(mem.due.Sub(now), time.Millisecond)
		}
		out.Note = strings.Join(append(plan.Warnings, notes(out.Note)...), "; ")
	}
	r.memories.keep(name, mem)
	if out.Err != nil && out.Err.Kind == delivery.Conflict {
		// Run again with what the other one wrote; not worth a status.
		r.wakes.ask(name, woken)
		return result, nil
	}
	log.FromContext(ctx).V(1).Info("ran", "result", out.Result, "change", out.Change, "error", out.Err)
	version, err := r.patchStatus(ctx, r.kind.GVK, obj, func(o client.Object) []dialect.Event { return r.dialect.Report(o, out, now) })
	if err != nil {
		if apierrors.HasStatusCause(err, "NamespaceTerminating") {
			return reconcile.Result{}, nil
		}
		// What the status does not say did not happen: run again.
		mem.done, mem.at = "", time.Time{}
		r.memories.keep(name, mem)
		return reconcile.Result{}, fmt.Errorf("write the status of %s: %w", plan.Object, err)
	}
	mem.status = version
	r.memories.keep(name, mem)
	return result, nil
}

// conflictRetry is short: the watch brings the other's write in the meantime,
// and the next run reads the Secret rather than trust its memory.
const conflictRetry = 20 * time.Millisecond

// afterFailure is when to try again; 0 means when something changes. What
// might be the store's own trouble has the store looked at.
func (r *deliveryReconciler) afterFailure(plan *delivery.Delivery, mem *memory, err *delivery.Error) time.Duration {
	switch {
	case err.Kind == delivery.Conflict:
		mem.target = target.Memory{}
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
	return retryAfter(mem.failures, err)
}
