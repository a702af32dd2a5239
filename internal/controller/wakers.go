package controller

import (
	"cmp"
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

func (r *deliveryReconciler) wakeSelf(_ context.Context, obj client.Object, q queue) {
	name := client.ObjectKeyFromObject(obj)
	if r.kind.Whole && r.memories.of(name, obj.GetUID()).status == obj.GetResourceVersion() {
		return // what we wrote of it ourselves is a generation too
	}
	// An annotated object is its own source. What is kept in the spec of a kind
	// without a status subresource may have been put back: then the status is
	// about another state of it.
	putBack := r.kind.Whole && !r.dialect.State(obj).Known
	r.wake(q, name, wake{asked: r.Now(), force: r.kind.Annotated || putBack})
}

func (r *deliveryReconciler) wake(q queue, name types.NamespacedName, why wake) {
	r.wakes.ask(name, why)
	q.Add(request{NamespacedName: name})
}

// wakeHeirs wakes the others that want the target of an object which may have
// left it.
func (r *deliveryReconciler) wakeHeirs(ctx context.Context, obj client.Object, q queue) {
	plan, _ := r.dialect.Translate(obj)
	if plan.Destination.Name == "" {
		return
	}
	at := r.Now()
	dest := &plan.Destination
	for _, name := range r.objects.find(ctx, targetKey(cmp.Or(dest.Namespace, anyNamespace), dest.Name)) {
		// Names such as "tls" are everywhere; most want none of this one's places.
		if name != client.ObjectKeyFromObject(obj) && (dest.Spread == nil || r.memories.failing(name)) {
			r.wake(q, name, wake{asked: at, force: true})
		}
	}
}

// wakeByObject wakes those whose target, source or template the Secret or
// ConfigMap is, or a credential of their store.
func (r *deliveryReconciler) wakeByObject(ctx context.Context, obj client.Object, q queue) {
	r.wakeByTarget(ctx, obj, q)
	r.wakeByUse(ctx, obj, q)
	// A store logs in anew with what changed; those that it failed try again.
	for _, s := range r.access.kinds {
		for _, name := range find(ctx, r.Cluster.GetCache(), s.Kind(), usesKeys(obj)...) {
			r.wakeByStore(ctx, delivery.StoreRef{Kind: s.Kind().GVK.Kind, Namespace: name.Namespace, Name: name.Name}, q)
		}
	}
}

// wakeByTarget wakes those that made the object, want it, or are named on it
// as its owner.
func (r *deliveryReconciler) wakeByTarget(ctx context.Context, obj client.Object, q queue) {
	p := delivery.Place{Namespace: obj.GetNamespace(), Name: obj.GetName()}
	there := obj.GetDeletionTimestamp() == nil && r.watchOf(obj.GetObjectKind().GroupVersionKind().Kind).Get(p.Namespace, p.Name) != nil
	names := r.objects.find(ctx, targetKey(p.Namespace, p.Name))
	for _, name := range r.objects.find(ctx, targetKey(anyNamespace, p.Name)) {
		// Names such as "tls" are everywhere; most are no place of this one.
		if r.memories.wants(name, p) {
			names = append(names, name)
		}
	}
	if r.ownerOf != nil {
		meta := &metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: obj.GetLabels(), Annotations: obj.GetAnnotations()}
		if owner, ok := r.ownerOf(meta); ok && !slices.Contains(names, owner) {
			names = append(names, owner)
		}
	}
	for _, name := range names {
		if there && r.memories.wrote(name, p, obj.GetResourceVersion()) {
			continue // our own write, come back
		}
		r.wake(q, name, wake{asked: r.Now()})
	}
}

// wakeByUse wakes those that read the object, or log in with it: the broker
// has forgotten their sessions.
func (r *deliveryReconciler) wakeByUse(ctx context.Context, obj client.Object, q queue) {
	self := client.ObjectKeyFromObject(obj)
	ofKind := r.kind.Annotated && obj.GetObjectKind().GroupVersionKind().Kind == r.kind.GVK.Kind
	for _, name := range r.objects.find(ctx, usesKeys(obj)[0]) {
		if ofKind && name == self {
			continue // it has woken itself, and reads itself once
		}
		r.wake(q, name, wake{asked: r.Now(), force: true})
	}
}

// wakeByStore wakes the objects that name the store. Those that ran with it as
// it is, and missed nothing, read nothing.
func (r *deliveryReconciler) wakeByStore(ctx context.Context, ref delivery.StoreRef, q queue) {
	// One moment for all, so that what they share is read once. A store that
	// changed has a new session, which holds nothing older.
	at := r.Now()
	for _, name := range r.objects.find(ctx, storeKey(ref)) {
		r.wakes.join(name, wake{asked: at, store: true})
		addLater(q, name)
	}
}

// wakeByNamespace wakes the objects of a namespace whose labels changed, for
// they may have gained or lost a cluster store, those that have a place there or
// want one, and those that could not write there before it was.
func (r *deliveryReconciler) wakeByNamespace(ctx context.Context, obj client.Object, q queue) {
	at := r.Now()
	for _, name := range r.objects.in(ctx, obj.GetName()) {
		r.wakes.ask(name, wake{asked: at, access: true})
		addLater(q, name)
	}
	ns := spread.Namespace{Name: obj.GetName(), Labels: obj.GetLabels()}
	for _, name := range r.objects.find(ctx, spreadKey) {
		if r.memories.holds(name, ns.Name) || r.wants(ctx, name, ns) {
			r.wake(q, name, wake{asked: at})
		}
	}
	for _, name := range r.objects.find(ctx, awayKey(ns.Name)) {
		if r.memories.failing(name) {
			r.wake(q, name, wake{asked: at, force: true})
		}
	}
}

// wants reports that the object has a place in the namespace to come.
func (r *deliveryReconciler) wants(ctx context.Context, name types.NamespacedName, ns spread.Namespace) bool {
	s := r.memories.spread(name)
	if s == nil {
		obj, err := r.objects.get(ctx, name)
		if err != nil {
			return false
		}
		plan, err := r.dialect.Translate(obj)
		if err != nil || plan.Destination.Spread == nil {
			return false
		}
		s = plan.Destination.Spread
	}
	return r.Matcher.Within(s, ns) && (s.Followers || r.Matcher.Admits(s.Into, ns))
}

// addLater queues behind what users just did.
func addLater(q queue, name types.NamespacedName) {
	if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		pq.AddWithOpts(priorityqueue.AddOpts{Priority: &byStore}, request{NamespacedName: name})
		return
	}
	q.Add(request{NamespacedName: name})
}
