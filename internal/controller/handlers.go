package controller

import (
	"context"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

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
