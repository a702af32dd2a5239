package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// view is what a watch shows of some namespaces, as it changes.
type view struct {
	cache.Cache

	mu   sync.Mutex
	next chan struct{} // closed at the next change
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, esv1.AddToScheme, dopplerv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// told is told what the watch sees: an object as it was and as it is. What is
// there already when the watch begins is no news; before is nil for what comes
// later.
type told func(before, after client.Object)

// watch watches these kinds in these namespaces until ctx ends.
func watch(ctx context.Context, config *rest.Config, told told, kinds []client.Object, namespaces ...string) (*view, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	in := map[string]cache.Config{}
	for _, namespace := range namespaces {
		in[namespace] = cache.Config{}
	}
	c, err := cache.New(config, cache.Options{Scheme: scheme, DefaultNamespaces: in})
	if err != nil {
		return nil, fmt.Errorf("watch namespaces %v: %w", namespaces, err)
	}
	v := &view{Cache: c, next: make(chan struct{})}
	for _, kind := range kinds {
		informer, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch namespaces %v: %w", namespaces, err)
		}
		if _, err := informer.AddEventHandler(v.handler(told)); err != nil {
			return nil, fmt.Errorf("watch namespaces %v: %w", namespaces, err)
		}
	}
	go func() { _ = c.Start(ctx) }() // ends with ctx, and fails only if started twice
	c.WaitForCacheSync(ctx)
	return v, ctx.Err()
}

func (v *view) handler(told told) toolscache.ResourceEventHandler {
	tell := func(before, after any) {
		old, _ := before.(client.Object)
		if obj, ok := after.(client.Object); ok {
			told(old, obj)
		}
	}
	return toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, isInInitialList bool) {
			if !isInInitialList {
				tell(nil, obj)
			}
			v.changed()
		},
		UpdateFunc: func(old, obj any) {
			tell(old, obj)
			v.changed()
		},
		DeleteFunc: func(any) { v.changed() },
	}
}

func (v *view) changed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.next)
	v.next = make(chan struct{})
}

// change is closed when something changes after this call.
func (v *view) change() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next
}

// patience is for what takes a moment, on a machine that is busy with more than
// the demo.
const patience = 2 * time.Minute

// until returns when check succeeds, and fails with its last error when ctx
// ends or the time is up.
func (v *view) until(ctx context.Context, within time.Duration, check func(context.Context) error) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		change := v.change()
		last := check(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return fmt.Errorf("not within %v: %w", within, last)
		}
	}
}

// content writes a Secret's data in a line. It is for the eyes of whoever runs
// the demo, whose secrets are examples.
func content(secret *corev1.Secret) string {
	if secret == nil {
		return ""
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		value := fmt.Sprintf("%q", secret.Data[key])
		parts = append(parts, key+"="+value[1:len(value)-1])
	}
	return strings.Join(parts, " ")
}
