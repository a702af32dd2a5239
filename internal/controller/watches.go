package controller

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// index is the one index of each kind: what an object depends on, as keys
// made by the functions below.
const index = "tacit.by"

func storeKey(ref delivery.StoreRef) string {
	return "store/" + ref.Kind + "/" + ref.Namespace + "/" + ref.Name
}

// anyNamespace stands for all namespaces in a key.
const anyNamespace = "*"

// spreadKey is that of all objects whose places depend on namespaces.
const spreadKey = "spread"

func targetKey(namespace, name string) string { return "target/" + namespace + "/" + name }

// useKey is for a Secret or ConfigMap that is read; namespace anyNamespace
// stands for any.
func useKey(kind, namespace, name string) string {
	return "use/" + kind + "/" + namespace + "/" + name
}

// planKeys lists what wakes a delivery.
func planKeys(plan *delivery.Delivery) []string {
	var keys []string
	for _, ref := range plan.Stores() {
		keys = append(keys, storeKey(ref))
	}
	switch dest := &plan.Destination; {
	case dest.Name == "":
	case dest.Spread != nil:
		keys = append(keys, targetKey(anyNamespace, dest.Name), spreadKey)
	default:
		keys = append(keys, targetKey(dest.Namespace, dest.Name))
	}
	for _, obj := range plan.Objects() {
		keys = append(keys, useKey(obj.Kind, obj.Namespace, obj.Name))
	}
	for i := range plan.Inline {
		keys = append(keys, storeKeys(&plan.Inline[i])...)
	}
	if opens(plan) {
		keys = append(keys, sealedKey)
	}
	if t := plan.Shape.Template; t != nil {
		for _, from := range t.From {
			if from.Object != nil {
				keys = append(keys, useKey(from.Object.Kind, plan.Object.Namespace, from.Object.Name))
			}
		}
	}
	return keys
}

// storeKeys lists what wakes a store.
func storeKeys(store *delivery.Store) []string {
	if store.Config == nil {
		return nil
	}
	var keys []string
	for _, c := range store.Config.Credentials() {
		// Of the reader's namespace, whichever that is, only where the
		// store has none of its own.
		ns := cmp.Or(c.Namespace, store.Ref.Namespace, anyNamespace)
		keys = append(keys, useKey(string(c.Kind), ns, c.Name))
	}
	return keys
}

// usesKeys are the keys under which a Secret or ConfigMap may be used.
func usesKeys(obj client.Object) []string {
	kind := obj.GetObjectKind().GroupVersionKind().Kind
	return []string{useKey(kind, obj.GetNamespace(), obj.GetName()), useKey(kind, anyNamespace, obj.GetName())}
}

// find lists the objects of a kind that are indexed under any of the keys.
func find(ctx context.Context, cache client.Reader, kind dialect.Kind, keys ...string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, key := range keys {
		names = append(names, list(ctx, cache, kind, client.MatchingFields{index: key})...)
	}
	return names
}

// list returns the names of the cached objects of a kind; none while the
// cache shuts down.
func list(ctx context.Context, cache client.Reader, kind dialect.Kind, opts ...client.ListOption) []types.NamespacedName {
	objs := kind.NewList()
	if err := cache.List(ctx, objs, opts...); err != nil {
		return nil
	}
	var names []types.NamespacedName
	_ = meta.EachListItem(objs, func(obj runtime.Object) error {
		names = append(names, client.ObjectKeyFromObject(obj.(client.Object)))
		return nil
	})
	return names
}

func (r *deliveryReconciler) wakeSelf(_ context.Context, obj client.Object, q queue) {
	name := client.ObjectKeyFromObject(obj)
	if r.kind.Whole && r.memories.of(name, obj.GetUID()).status == obj.GetResourceVersion() {
		return // what we wrote of it ourselves is a generation too
	}
	// An annotated object is its own source.
	r.wake(q, name, wake{asked: r.Now(), force: r.kind.Annotated})
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
	for _, name := range r.objects.find(ctx, targetKey(plan.Destination.Namespace, plan.Destination.Name)) {
		if name != client.ObjectKeyFromObject(obj) {
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
	if marked, ok := r.dialect.(dialect.Marked); ok {
		meta := &metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: obj.GetLabels(), Annotations: obj.GetAnnotations()}
		if owner, ok := marked.OwnerOf(meta); ok && !slices.Contains(names, owner) {
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
// they may have gained or lost a cluster store, and those that have a place
// there or want one.
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

type wakeFunc func(context.Context, client.Object, queue)

// onManifest passes on what the user does to an object, not our own writes
// of its status.
func onManifest(wake wakeFunc) handler.TypedEventHandler[client.Object, request] {
	return handler.TypedFuncs[client.Object, request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) { wake(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			old, obj := e.ObjectOld, e.ObjectNew
			if old.GetGeneration() != obj.GetGeneration() || old.GetUID() != obj.GetUID() ||
				!maps.Equal(old.GetLabels(), obj.GetLabels()) || !maps.Equal(old.GetAnnotations(), obj.GetAnnotations()) ||
				obj.GetDeletionTimestamp() != nil {
				wake(ctx, obj, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queue) { wake(ctx, e.Object, q) },
	}
}

// onLeave passes on the objects that are gone or may have turned to another
// target, as they were before.
func onLeave(left wakeFunc) handler.TypedEventHandler[client.Object, request] {
	return handler.TypedFuncs[client.Object, request]{
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				left(ctx, e.ObjectOld, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queue) { left(ctx, e.Object, q) },
	}
}

// onLabels passes on changes of labels, and new objects.
func onLabels(wake wakeFunc) handler.TypedEventHandler[client.Object, request] {
	return handler.TypedFuncs[client.Object, request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) {
			if !e.IsInInitialList {
				wake(ctx, e.Object, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			if !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
				wake(ctx, e.ObjectNew, q)
			}
		},
	}
}

// onGone passes on what was deleted.
func onGone(gone func(context.Context, client.Object)) handler.TypedEventHandler[client.Object, request] {
	return handler.TypedFuncs[client.Object, request]{
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], _ queue) { gone(ctx, e.Object) },
	}
}

// onStore passes on that a store appeared, changed, or changed its state.
func onStore(d dialect.Stores, wake func(ctx context.Context, ref delivery.StoreRef, q queue)) handler.TypedEventHandler[client.Object, request] {
	ref := func(obj client.Object) delivery.StoreRef {
		return delivery.StoreRef{Kind: d.Kind().GVK.Kind, Namespace: obj.GetNamespace(), Name: obj.GetName()}
	}
	return handler.TypedFuncs[client.Object, request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[client.Object], q queue) {
			if !e.IsInInitialList {
				wake(ctx, ref(e.Object), q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[client.Object], q queue) {
			before, after := d.State(e.ObjectOld), d.State(e.ObjectNew)
			changed := e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
			became := before.Ready != after.Ready || before.Known != after.Known
			if changed && after.Known || became {
				wake(ctx, ref(e.ObjectNew), q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[client.Object], q queue) {
			wake(ctx, ref(e.Object), q)
		},
	}
}
