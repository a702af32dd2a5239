package controller

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
)

// kindSource feeds a queue from the cache's watch of one kind. The library's
// own source.Kind waits for the first list by polling, ten times a second;
// this one waits for the signal, which is most of the time that a start takes.
// It implements source.SyncingSource.
type kindSource struct {
	cache   cache.Cache
	obj     client.Object
	handler handler.TypedEventHandler[client.Object, request]
	synced  toolscache.DoneChecker
}

func fromKind(c cache.Cache, obj client.Object, h handler.TypedEventHandler[client.Object, request]) *kindSource {
	return &kindSource{cache: c, obj: obj, handler: h}
}

// Start implements source.Source.
func (s *kindSource) Start(ctx context.Context, q queue) error {
	informer, err := s.cache.GetInformer(ctx, s.obj, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, initial bool) {
			if o, ok := obj.(client.Object); ok {
				s.handler.Create(ctx, event.CreateEvent{Object: o, IsInInitialList: initial}, q)
			}
		},
		UpdateFunc: func(before, after any) {
			old, okOld := before.(client.Object)
			if o, ok := after.(client.Object); ok && okOld {
				s.handler.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: o}, q)
			}
		},
		DeleteFunc: func(obj any) {
			last, unknown := obj.(toolscache.DeletedFinalStateUnknown)
			if unknown {
				obj = last.Obj
			}
			if o, ok := obj.(client.Object); ok {
				s.handler.Delete(ctx, event.DeleteEvent{Object: o, DeleteStateUnknown: unknown}, q)
			}
		},
	})
	if err != nil {
		return err
	}
	s.synced = registration.HasSyncedChecker()
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s *kindSource) WaitForSync(ctx context.Context) error {
	select {
	case <-s.synced.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// objectSource feeds a controller's queue from the watch of Secrets or
// ConfigMaps. It implements source.SyncingSource.
type objectSource struct {
	watch *objects.Watch
	wake  wakeFunc
}

// Start implements source.Source.
func (s objectSource) Start(ctx context.Context, q queue) error {
	s.watch.OnChange(func(obj client.Object) { s.wake(ctx, obj, q) })
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s objectSource) WaitForSync(ctx context.Context) error { return synced(ctx, s.watch) }

func synced(ctx context.Context, watch *objects.Watch) error {
	select {
	case <-watch.Synced():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// annotatedSource brings the objects of an annotated kind: those that are
// there, those that something was made for, and every change. It implements
// source.SyncingSource.
type annotatedSource struct {
	annotated
	r *deliveryReconciler
}

// Start implements source.Source.
func (s annotatedSource) Start(ctx context.Context, q queue) error {
	s.watch.OnChange(func(obj client.Object) {
		name := client.ObjectKeyFromObject(obj)
		asks := len(s.r.objects.find(ctx, ownKey(name))) > 0
		if asks || s.r.memories.uid(name) != "" || len(s.r.owned(s.watch, name)) > 0 {
			s.r.wakeSelf(ctx, obj, q)
		}
	})
	go s.r.lookAbroad(ctx, s.watch, q)
	go func() {
		if synced(ctx, s.watch) != nil {
			return
		}
		at := s.r.Now()
		for _, name := range s.find(ctx, every) {
			s.r.wake(q, name, wake{asked: at})
		}
		// Their owner may have gone while nobody looked.
		for _, name := range s.watch.Find(ownersKey(s.name)) {
			if obj := s.watch.Get(name.Namespace, name.Name); obj != nil {
				if owner, ok := s.r.ownerOf(&obj.ObjectMeta); ok {
					s.r.wake(q, owner, wake{asked: at})
				}
			}
		}
	}()
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s annotatedSource) WaitForSync(ctx context.Context) error { return synced(ctx, s.watch) }
