package rollouts

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/tacit-secrets/tacit/internal/controller/rights"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

type queue = workqueue.TypedRateLimitingInterface[delivery.Workload]

// Priorities in the queue: a change goes before what is only recorded.
var (
	byChange = 0
	byLook   = -100
)

func add(q queue, w delivery.Workload, after time.Duration, priority *int) {
	if p, ok := q.(priorityqueue.PriorityQueue[delivery.Workload]); ok {
		p.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: priority}, w)
		return
	}
	q.AddAfter(w, after)
}

// workloadSource feeds the queue from the cache's watch of one kind.
type workloadSource struct {
	*reconciler
	cache  cache.Cache
	kind   string
	synced toolscache.DoneChecker
}

// Start implements source.Source.
func (s *workloadSource) Start(ctx context.Context, q queue) error {
	informer, err := s.cache.GetInformer(ctx, empty(s.kind), cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch %ss: %w", s.kind, err)
	}
	put := func(obj any) {
		w := s.trim.trim(obj)
		if w == nil {
			return
		}
		last := s.store.get(w.id())
		if s.store.put(w) {
			s.digests.release(last)
			add(q, w.id(), 0, &byLook)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, obj any) { put(obj) },
		DeleteFunc: func(obj any) {
			if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			if w := s.trim.trim(obj); w != nil {
				last := s.store.get(w.id())
				s.store.forget(w.id())
				s.leave(w.id())
				s.digests.release(last)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch %ss: %w", s.kind, err)
	}
	s.synced = registration.HasSyncedChecker()
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s *workloadSource) WaitForSync(ctx context.Context) error {
	select {
	case <-s.synced.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// objectSource feeds the queue from the watch of Secrets or ConfigMaps.
type objectSource struct {
	*reconciler
	kind    string
	objects Objects
}

// Start implements source.Source.
func (s *objectSource) Start(_ context.Context, q queue) error {
	s.objects.OnChange(func(obj client.Object) {
		now := s.Runner.Now()
		ref := delivery.ObjectRef{Kind: s.kind, Namespace: obj.GetNamespace(), Name: obj.GetName()}
		for _, e := range s.store.interested(ref) {
			w := e.id()
			add(q, w, s.wakes.note(w, now), &byChange)
		}
		s.digests.tidy(ref)
	})
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s *objectSource) WaitForSync(ctx context.Context) error {
	select {
	case <-s.objects.Synced():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// later watches a kind once the API server serves it, and lets it be watched:
// the other kinds do not wait for it.
type later struct {
	*workloadSource
	rights     *rights.Checker
	controller controller.TypedController[delivery.Workload]
	log        logr.Logger
	pause      time.Duration
}

// Start implements manager.Runnable.
func (l *later) Start(ctx context.Context) error {
	gvk, _ := rollout.KindOf(l.kind)
	for told := ""; ; {
		o := l.rights.Watch(ctx, gvk)
		if o.Missing == "" {
			return l.controller.Watch(l.workloadSource)
		}
		pause, why := l.pause, ""
		switch {
		case o.Unanswered: // it passes, and may be about every kind
			pause, why = min(pause, time.Second), "waiting for the API server to say whether it serves a kind of workload"
		case !o.Unserved: // as Argo's in most clusters
			why = "waiting for a right, without which workloads of this kind are not restarted; --no-rollouts does without"
		}
		if why != "" && why != told {
			l.log.Info(why, "kind", l.kind, "missing", o.Missing)
			told = why
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}
