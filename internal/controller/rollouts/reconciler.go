package rollouts

import (
	"context"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// reconciler looks at one workload at a time.
type reconciler struct {
	Options
	objects  watches
	store    *store
	trim     trimmer
	wakes    *wakes
	digests  *digests
	memories *memories
}

const (
	// cacheLag is how long to wait for the watch to bring our own write.
	cacheLag = 20 * time.Millisecond
	// tries to write to a workload that others write to, before it is put
	// back into the queue.
	tries = 5

	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Minute
)

// Reconcile implements reconcile.TypedReconciler.
func (r *reconciler) Reconcile(ctx context.Context, id delivery.Workload) (reconcile.Result, error) {
	e := r.store.get(id)
	if e == nil {
		r.leave(id)
		return reconcile.Result{}, nil
	}
	mem := r.memories.of(e.workload)
	if target.Older(e.ResourceVersion, mem.version) {
		return reconcile.Result{RequeueAfter: cacheLag}, nil
	}
	now := r.Runner.Now()
	woken, wait := r.wakes.take(id, now)
	if wait > 0 {
		return reconcile.Result{RequeueAfter: wait, Priority: &byChange}, nil
	}
	if mem.since.IsZero() {
		mem.since = woken.first
	}
	again, err := r.run(ctx, e, &mem)
	result := reconcile.Result{RequeueAfter: again}
	switch {
	case ctx.Err() != nil:
		return reconcile.Result{}, ctx.Err()
	case apierrors.IsConflict(err):
		result.RequeueAfter = cacheLag + rand.N(cacheLag)
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// The workload went, or goes; its event follows.
	case err != nil:
		result.RequeueAfter = r.failed(ctx, e, &mem, err)
	default:
		mem.failures, mem.failure = 0, ""
	}
	r.memories.keep(id, mem)
	return result, nil
}

// run does what the workload needs, on what the cache knows of it, or if that
// is outdated, on what there is. It returns when to look again; 0 is when
// something changes.
func (r *reconciler) run(ctx context.Context, e *entry, mem *memory) (again time.Duration, err error) {
	r.complain(e, mem)
	for range tries {
		if stopped, _ := rollout.Stopped(e.Annotations); stopped {
			r.Runner.Limit.Leave(e.id(), r.Runner.Now())
			return 0, nil
		}
		var d decision
		if d, err = r.decide(ctx, e, mem); err != nil {
			return 0, err
		}
		again, err = r.act(ctx, e, &d, mem)
		if !apierrors.IsConflict(err) {
			return again, err
		}
		if e, err = r.live(ctx, e); err != nil {
			return 0, err
		}
	}
	return 0, apierrors.NewConflict(schema.GroupResource{Resource: e.kind}, e.Name, nil)
}

// live reads a workload anew.
func (r *reconciler) live(ctx context.Context, e *entry) (*entry, error) {
	obj := empty(e.kind)
	if err := r.Runner.Reader.Get(ctx, client.ObjectKeyFromObject(e.workload), obj); err != nil {
		return nil, err
	}
	return r.store.translate(r.trim.trim(obj)), nil
}

// failed tells of a failure, and returns when to try again.
func (r *reconciler) failed(ctx context.Context, e *entry, mem *memory, err error) time.Duration {
	failure := r.Runner.Explain(e.id(), "restart", err)
	r.Runner.TellFailure(e.id(), string(e.UID), failure.Message)
	mem.troubled, mem.failure = true, failure.Message
	log.FromContext(ctx).V(1).Info("not restarted", "workload", e.String(), "why", failure.Message)
	wait := min(firstRetry<<min(mem.failures, 16), lastRetry)
	mem.failures++
	return wait/2 + rand.N(wait/2+1)
}

// leave drops what was to be done for a workload that is gone, or asks for
// nothing any more. What is known of it is the watch's to drop: another of that
// name may be there by now.
func (r *reconciler) leave(id delivery.Workload) {
	r.wakes.forget(id)
	r.memories.forget(id)
	r.Runner.Limit.Leave(id, r.Runner.Now())
}

// sooner is the earlier of two times; one that is zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// remaining is how long it is until then; 0 if there is no such time.
func remaining(until, now time.Time) time.Duration {
	if until.IsZero() {
		return 0
	}
	return max(until.Sub(now), time.Millisecond)
}
