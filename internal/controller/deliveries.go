package controller

import (
	"context"
	"errors"

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
	t := &turn{obj: obj, mem: r.memories.of(req.NamespacedName, obj.GetUID()), now: r.Now()}
	if target.Older(obj.GetResourceVersion(), t.mem.status) {
		return reconcile.Result{RequeueAfter: cacheLag}, nil
	}
	t.woken = r.woken(t)
	r.Metrics.began(r.name, t.woken.asked, t.now)

	plan, err := r.dialect.Translate(obj)
	if err == nil && r.kind.Annotated && plan.Destination.Name == "" {
		return r.gone(ctx, req.NamespacedName)
	}
	t.Job = engine.Job{Plan: &plan, OwnerOf: r.ownerOf, Record: func(ctx context.Context, lease delivery.Lease) error {
		return r.record(ctx, t, lease)
	}}
	if err == nil {
		t.Places, t.Unwanted, err = r.places(ctx, &plan, &t.mem)
	}
	if err == nil {
		r.tellFollowers(req.NamespacedName, &plan.Destination, t.Places)
		if idle := r.idle(ctx, t); idle != atOnce {
			r.quarrel(ctx, t)
			r.memories.keep(req.NamespacedName, t.mem)
			return reconcile.Result{RequeueAfter: idle, Priority: &byTimer}, nil
		}
		if err := r.guard(ctx, t); err != nil {
			return reconcile.Result{}, err
		}
	}
	out := r.run(ctx, t, err)
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	return r.conclude(ctx, t, out)
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
func (r *deliveryReconciler) woken(t *turn) wake {
	if w, ok := r.wakes.take(t.name()); ok {
		return w
	}
	// A timer: the refresh was asked for when it was due, the same moment
	// for all that share its slot.
	if due := t.mem.due; !due.IsZero() && !due.After(t.now) && t.mem.failures == 0 {
		return wake{asked: due}
	}
	return wake{asked: t.now}
}

// run runs the plan, unless err says already why it cannot.
func (r *deliveryReconciler) run(ctx context.Context, t *turn, err error) delivery.Outcome {
	plan := t.Plan
	// Before the run, so that a store which changes meanwhile is noticed.
	used := r.access.fingerprint(ctx, plan)
	if err == nil {
		var stores map[delivery.StoreRef]*delivery.Store
		stores, err = r.access.stores(ctx, plan)
		t.Stores = &reader{r.Broker, stores, plan.Object.Namespace, t.woken.asked}
	}
	switch {
	case errors.Is(err, errOtherClass):
		return delivery.Outcome{Result: delivery.Untouched}
	case errors.Is(err, errWait):
		return delivery.Outcome{Result: delivery.Waiting}
	case err != nil:
		return delivery.Outcome{Result: delivery.Failed, Err: asFailure(err), Destination: delivery.DestinationOutcome{Bound: plan.Destination.Bound}, At: r.Now()}
	}
	out := r.Engine.Run(ctx, t.Job)
	t.mem.targets = remember(t.Places)
	if out.Err == nil {
		t.mem.stores = used
		for _, p := range t.Unwanted {
			if p.Seen != nil {
				t.mem.spare(p.Place, p.Seen.ResourceVersion)
			}
		}
	} else {
		t.mem.targets = t.mem.targets.with(t.Unwanted)
	}
	switch dest := &plan.Destination; {
	case r.Reloadable == nil:
		out.Rollout.Failure = "this operator restarts no workloads (--no-rollouts)"
	case dest.Kind != objects.ConfigMap && dest.Spread == nil && dest.Name != "":
		out.Rollout.Reloadable, out.Rollout.Failure = r.Reloadable(dest.Namespace, dest.Name)
	}
	return out
}
