package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
)

// guard puts the finalizer on an object that is about to make what the garbage
// collector would leave behind. Without it the object makes nothing, and runs
// again for the reason that it ran for.
func (r *deliveryReconciler) guard(ctx context.Context, t *turn) error {
	finalizer, there := t.Plan.Finalizer, t.obj.GetFinalizers()
	if finalizer == "" || slices.Contains(there, finalizer) {
		return nil
	}
	after, err := r.setFinalizers(ctx, t.obj, append(slices.Clone(there), finalizer))
	if err != nil {
		r.wakes.ask(t.name(), t.woken)
		r.memories.keep(t.name(), t.mem)
		return err
	}
	t.obj = after
	return nil
}

// goes takes back what an object made that is being deleted, and then lets it
// go.
func (r *deliveryReconciler) goes(ctx context.Context, obj client.Object) (reconcile.Result, error) {
	name := client.ObjectKeyFromObject(obj)
	if r.kind.Annotated {
		return r.gone(ctx, name) // whoever holds it still, it is no source any more
	}
	// An invalid manifest still says whose the places are.
	plan, _ := r.dialect.Translate(obj)
	finalizers := r.kind.Finalizers
	if plan.Finalizer != "" {
		finalizers = append(slices.Clone(finalizers), plan.Finalizer)
	}
	holds := func(f string) bool { return slices.Contains(obj.GetFinalizers(), f) }
	if slices.ContainsFunc(finalizers, holds) {
		t := &turn{Job: engine.Job{Plan: &plan}, obj: obj, mem: r.memories.of(name, obj.GetUID())}
		out := r.takeBack(ctx, t)
		if out.Result == delivery.Failed {
			t.mem.failures++
			if err := r.report(ctx, t, out); err != nil {
				log.FromContext(ctx).Error(err, "the status could not be written", "object", plan.Object.String())
			}
			r.memories.keep(name, t.mem)
			return reconcile.Result{RequeueAfter: min(retryAfter(t.mem.failures, out.Err), lastStoreRetry)}, nil
		}
		r.emit(obj, r.dialect.Report(obj.DeepCopyObject().(client.Object), out, r.Now()))
		r.observe(&plan, &out)
	}
	r.memories.forget(name)
	return reconcile.Result{}, r.release(ctx, obj, finalizers)
}

// takeBack deletes what bears the object's marks and revokes what a store lent
// it. A lease that cannot be revoked any more ends by itself.
func (r *deliveryReconciler) takeBack(ctx context.Context, t *turn) delivery.Outcome {
	plan := t.Plan
	out := delivery.Outcome{Result: delivery.Deleted, At: r.Now()}
	if !plan.Destination.Keep {
		out = r.takePlaces(ctx, plan, &t.mem)
	}
	if out.Err != nil || plan.Leases == nil || plan.Leases.Held.IsZero() {
		return out
	}
	held := plan.Leases.Held
	kept := plan.Destination.Keep || plan.Destination.Store != (delivery.StoreRef{})
	ended := held.Duration > 0 && !held.Renewed.IsZero() && held.Renewed.Add(held.Duration).Before(r.Now())
	if kept || ended {
		out.Lease.Change = delivery.LeaseLeft
		return out
	}
	stores, err := r.access.stores(ctx, plan)
	if err == nil {
		err = r.Engine.Revoke(ctx, &reader{r.Broker, stores, plan.Object.Namespace, r.Now()}, plan)
	}
	switch kind := delivery.KindOf(err); {
	case err == nil:
		out.Lease.Change = delivery.LeaseRevoked
	case (kind == delivery.Unavailable || kind == delivery.Throttled) && r.Now().Sub(t.obj.GetDeletionTimestamp().Time) < revokePatience:
		failure := *asFailure(err)
		failure.Message += fmt.Sprintf("; the object goes without it after %s", revokePatience)
		out.Result, out.Err = delivery.Failed, &failure
	default:
		out.Lease.Change = delivery.LeaseLeft
	}
	return out
}

// revokePatience is how long an object that is being deleted waits for a store
// that does not answer. Then its lease ends by itself.
const revokePatience = time.Hour

// takePlaces deletes what bears the object's marks.
func (r *deliveryReconciler) takePlaces(ctx context.Context, plan *delivery.Delivery, mem *memory) delivery.Outcome {
	none := *plan
	none.Sources, none.Rollout, none.Leases = nil, nil, nil
	none.Destination.Name, none.Destination.Spread, none.Destination.Store = "", nil, delivery.StoreRef{}
	_, unwanted, err := r.places(ctx, &none, mem)
	if err != nil {
		return delivery.Outcome{Result: delivery.Failed, Err: asFailure(err), At: r.Now()}
	}
	return r.Engine.TakeBack(ctx, engine.Job{Plan: &none, Unwanted: unwanted, OwnerOf: r.ownerOf})
}

// gone forgets an object. Where it was an annotated one, nothing held it until
// its copies were taken back: that is done now. A namespace that is not
// watched may hold it still.
func (r *deliveryReconciler) gone(ctx context.Context, name types.NamespacedName) (reconcile.Result, error) {
	mem := r.memories.of(name, r.memories.uid(name))
	r.wakes.take(name)
	if r.ownerOf != nil && r.kind.Annotated && r.watchOf(r.kind.GVK.Kind).Sees(name.Namespace) {
		ghost := partial(r.kind.GVK.Kind)
		ghost.SetNamespace(name.Namespace)
		ghost.SetName(name.Name)
		plan, _ := r.dialect.Translate(ghost)
		r.tellFollowers(name, &plan.Destination, nil)
		if out := r.takePlaces(ctx, &plan, &mem); out.Result == delivery.Failed {
			mem.failures++
			r.memories.keep(name, mem)
			return reconcile.Result{RequeueAfter: retryAfter(mem.failures, out.Err)}, nil
		}
	}
	r.memories.forget(name)
	return reconcile.Result{}, nil
}

// release takes finalizers off an object which is being deleted.
func (s *Shared) release(ctx context.Context, obj client.Object, finalizers []string) error {
	var keep []string
	for _, f := range obj.GetFinalizers() {
		if !slices.Contains(finalizers, f) {
			keep = append(keep, f)
		}
	}
	if len(keep) == len(obj.GetFinalizers()) {
		return nil
	}
	_, err := s.setFinalizers(ctx, obj, keep)
	return client.IgnoreNotFound(err)
}

// setFinalizers writes the finalizers of an object that nobody changed
// meanwhile, and returns it as it is then.
func (s *Shared) setFinalizers(ctx context.Context, obj client.Object, finalizers []string) (client.Object, error) {
	after := obj.DeepCopyObject().(client.Object)
	after.SetFinalizers(finalizers)
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	return after, s.Cluster.GetClient().Patch(ctx, after, patch)
}
