package controller

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
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
	name    string
	dialect dialect.Deliveries
	kind    dialect.Kind
	// ownerOf is the language's own; nil where an owner reference tells.
	ownerOf  target.OwnerOf
	objects  finder
	access   *access
	wakes    *wakes
	memories *memories
	abroad   abroad
	unserved unserved
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
	job := engine.Job{Plan: &plan, OwnerOf: r.ownerOf}
	if err == nil {
		job.Places, job.Unwanted, err = r.places(ctx, &plan, &mem)
	}
	if err == nil {
		r.tellFollowers(req.NamespacedName, &plan.Destination, job.Places)
		if idle := r.idle(ctx, &job, &mem, woken, now); idle != atOnce {
			r.quarrel(ctx, obj, &job, &mem)
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
