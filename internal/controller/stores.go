package controller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// storeReconciler validates stores: when they or their credentials change,
// now and then, and when an object had trouble with one.
type storeReconciler struct {
	*Shared
	dialect  dialect.Stores
	kind     dialect.Kind
	mu       sync.Mutex
	failures map[types.NamespacedName]int
	statuses map[types.NamespacedName]string // versions with what we wrote last
}

// Reconcile implements reconcile.Reconciler.
func (r *storeReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	obj := r.kind.New()
	if err := r.Cluster.GetCache().Get(ctx, req.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(req.NamespacedName)
			r.Broker.Forget(ctx, delivery.StoreRef{Kind: r.kind.GVK.Kind, Namespace: req.Namespace, Name: req.Name}, "")
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if target.Older(obj.GetResourceVersion(), r.status(req.NamespacedName)) {
		return reconcile.Result{RequeueAfter: cacheLag}, nil
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		// While somebody else holds it, it serves those who name it.
		if err := r.release(ctx, obj, r.kind.Finalizers); err != nil {
			return reconcile.Result{}, err
		}
	}
	store, err := r.dialect.Translate(obj)
	if otherClass(&store, r.Class) {
		return reconcile.Result{}, nil
	}
	out := r.validate(ctx, &store, err)
	out.Note = strings.Join(append(store.Warnings, notes(out.Note)...), "; ")
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	version, err := r.patchStatus(ctx, r.kind, obj, func(o client.Object) []dialect.Event { return r.dialect.Report(o, out, r.Now()) })
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("write the status of %s: %w", store.Object, err)
	}
	return reconcile.Result{RequeueAfter: r.again(req.NamespacedName, &store, &out, version), Priority: &byTimer}, nil
}

// notes is a list of one, or of none.
func notes(note string) []string {
	if note == "" {
		return nil
	}
	return []string{note}
}

// validate checks the store with a call of its own.
func (r *storeReconciler) validate(ctx context.Context, store *delivery.Store, err error) delivery.StoreOutcome {
	if err != nil {
		var e *delivery.Error
		if !errors.As(err, &e) {
			e = problem(delivery.Invalid, "the manifest is not understood")
		}
		return delivery.StoreOutcome{Err: e}
	}
	if !r.Broker.Serves(store.Config.Backend()) {
		return delivery.StoreOutcome{Err: problem(delivery.Unsupported, fmt.Sprintf("the provider %s is not served", store.Config.Backend()))}
	}
	if broker.Referent(store) {
		return delivery.StoreOutcome{Undecided: true, Note: "its credentials come from the namespaces that use it"}
	}
	// A store that hangs holds a worker no longer than this.
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch err := r.Broker.Check(ctx, store, store.Ref.Namespace); {
	case err == nil:
		return delivery.StoreOutcome{}
	case errors.Is(err, backend.ErrUndecided):
		return delivery.StoreOutcome{Undecided: true}
	default:
		return delivery.StoreOutcome{Err: storeError(err)}
	}
}

// storeError carries a backend's error into an outcome. Only errors of the
// backend package are worded for users.
func storeError(err error) *delivery.Error {
	var e *backend.Error
	if !errors.As(err, &e) {
		return &delivery.Error{Kind: delivery.Unavailable, Message: "the store does not answer", Err: err}
	}
	kind := fetch.OutcomeKind(e.Kind)
	if e.Kind == backend.NotFound {
		// A check reads no secret: it is the store's own address or path that
		// is not there.
		kind = delivery.Misconfigured
	}
	return &delivery.Error{Kind: kind, Message: e.Message, RetryAfter: e.RetryAfter, Err: err}
}

// lastStoreRetry bounds how long a store that came back stays unnoticed.
const lastStoreRetry = 30 * time.Second

// checkTimeout bounds the validation of a store.
const checkTimeout = 10 * time.Second

// again is when the store is validated next: by its recheck interval, sooner
// while it fails.
func (r *storeReconciler) again(name types.NamespacedName, store *delivery.Store, out *delivery.StoreOutcome, version string) time.Duration {
	n := r.settle(name, out.Err == nil, version)
	if out.Err == nil {
		every := store.Recheck
		if every <= 0 {
			every = r.Recheck
		}
		every = max(every, minInterval)
		return every + rand.N(every/10+1)
	}
	if out.Err.Kind == delivery.Unsupported {
		return 0 // until the manifest changes
	}
	return max(min(retryAfter(n, out.Err), lastStoreRetry), out.Err.RetryAfter)
}

// settle counts failures in a row, and notes which version of the store has
// the status.
func (r *storeReconciler) settle(name types.NamespacedName, ok bool, version string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[name] = version
	if ok {
		delete(r.failures, name)
		return 0
	}
	r.failures[name]++
	return r.failures[name]
}

func (r *storeReconciler) status(name types.NamespacedName) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statuses[name]
}

func (r *storeReconciler) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failures, name)
	delete(r.statuses, name)
}
