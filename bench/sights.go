package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// sight is an object's metadata, and when the meter saw it.
type sight struct {
	at time.Time
	*metav1.PartialObjectMetadata
}

// sights are the changes of the objects of one kind, of all namespaces, in
// their order. It is a watch of metadata, the same whoever writes.
type sights struct {
	events chan sight
	cancel context.CancelFunc
}

// watch begins to watch objects of a kind; name is that of those that count,
// or empty for all.
func (l *lab) watch(ctx context.Context, kind schema.GroupVersionResource, name string) (*sights, error) {
	clients, err := metadata.NewForConfig(l.plane.Config())
	if err != nil {
		return nil, err
	}
	objs := clients.Resource(kind)
	selector := ""
	if name != "" {
		selector = "metadata.name=" + name
	}
	list, err := objs.List(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("look at the %s: %w", kind.Resource, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return objs.Watch(ctx, o)
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch the %s: %w", kind.Resource, err)
	}
	// As many as a workload makes in all: the watch never waits for the meter.
	s := &sights{events: make(chan sight, 1<<14), cancel: cancel}
	go func() {
		defer close(s.events)
		for e := range watcher.ResultChan() {
			if obj, ok := e.Object.(*metav1.PartialObjectMetadata); ok && e.Type != watch.Deleted {
				s.events <- sight{time.Now(), obj}
			}
		}
	}()
	return s, nil
}

func (s *sights) stop() { s.cancel() }

// until waits for n objects of which counts is true, each counted once, and
// returns when the first and the last came. It fails when ended is closed
// before.
func (s *sights) until(ctx context.Context, n int, ended <-chan struct{}, counts func(sight) bool) (first, last time.Time, err error) {
	seen := map[[2]string]bool{}
	for len(seen) < n {
		select {
		case e, ok := <-s.events:
			if !ok {
				return first, last, fmt.Errorf("the watch ended after %d of %d objects", len(seen), n)
			}
			if !counts(e) {
				continue
			}
			if last = e.at; first.IsZero() {
				first = e.at
			}
			seen[[2]string{e.Namespace, e.Name}] = true
		case <-ended:
			return first, last, fmt.Errorf("the operator ended after %d of %d objects", len(seen), n)
		case <-ctx.Done():
			return first, last, fmt.Errorf("%w: %d of %d objects were done", context.Cause(ctx), len(seen), n)
		}
	}
	return first, last, nil
}

// percentile of sorted durations, by nearest rank.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
