package controller

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
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
