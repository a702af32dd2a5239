package controller

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Queue and request types, for short.
type (
	request = reconcile.Request
	queue   = workqueue.TypedRateLimitingInterface[request]
)

// Add starts the controllers of a language, whose kinds the API server must
// serve.
func Add(ctx context.Context, mgr manager.Manager, shared *Shared, lang Language) error {
	kinds := map[string]dialect.Stores{}
	suspects := map[string]chan event.GenericEvent{}
	for _, s := range lang.Stores {
		kind := s.Kind()
		if !kind.Namespaced && !shared.ClusterScoped {
			continue
		}
		kinds[kind.GVK.Kind] = s
		// Buffered, so that a controller in trouble does not wait for one
		// that validates; more suspects than fit are looked at already.
		suspects[kind.GVK.Kind] = make(chan event.GenericEvent, 64)
		if err := addStores(ctx, mgr, shared, s, suspects[kind.GVK.Kind]); err != nil {
			return fmt.Errorf("start the controller of %s: %w", kind.GVK.Kind, err)
		}
	}
	suspect := func(ref delivery.StoreRef) {
		s := kinds[ref.Kind]
		if s == nil {
			return
		}
		obj := s.Kind().New()
		obj.SetNamespace(ref.Namespace)
		obj.SetName(ref.Name)
		select {
		case suspects[ref.Kind] <- event.GenericEvent{Object: obj}:
		default:
		}
	}
	for _, d := range lang.Deliveries {
		if err := addDeliveries(ctx, mgr, shared, d, kinds, suspect); err != nil {
			return fmt.Errorf("start the controller of %s: %w", d.Kind().GVK.Kind, err)
		}
	}
	return nil
}

func addStores(ctx context.Context, mgr manager.Manager, shared *Shared, d dialect.Stores, suspects chan event.GenericEvent) error {
	kind := d.Kind()
	cache := shared.Cluster.GetCache()
	err := cache.IndexField(ctx, kind.New(), index, func(obj client.Object) []string {
		store, _ := d.Translate(obj)
		return storeKeys(&store)
	})
	if err != nil {
		return err
	}
	r := &storeReconciler{Shared: shared, dialect: d, kind: kind, failures: map[types.NamespacedName]int{}, statuses: map[types.NamespacedName]string{}}
	c, err := newController(kind, mgr, r, shared.Workers)
	if err != nil {
		return err
	}
	wake := func(ctx context.Context, obj client.Object, q queue) {
		keys := usesKeys(obj)
		for i, from := range []string{"", obj.GetNamespace()} {
			for _, name := range find(ctx, cache, kind, keys[i]) {
				shared.Broker.Forget(ctx, delivery.StoreRef{Kind: kind.GVK.Kind, Namespace: name.Namespace, Name: name.Name}, from)
				q.Add(request{NamespacedName: name})
			}
		}
	}
	r.uses = configMaps(c, cache, wake)
	return watchAll(mgr, c,
		fromKind(cache, kind.New(), onManifest(func(_ context.Context, obj client.Object, q queue) {
			q.Add(request{NamespacedName: client.ObjectKeyFromObject(obj)})
		})),
		secretSource{shared.Secrets, wake},
		source.Channel(suspects, &handler.EnqueueRequestForObject{}),
	)
}

func addDeliveries(ctx context.Context, mgr manager.Manager, shared *Shared, d dialect.Deliveries, kinds map[string]dialect.Stores, suspect func(delivery.StoreRef)) error {
	kind := d.Kind()
	cache := shared.Cluster.GetCache()
	err := cache.IndexField(ctx, kind.New(), index, func(obj client.Object) []string {
		plan, _ := d.Translate(obj)
		return planKeys(&plan)
	})
	if err != nil {
		return err
	}
	r := &deliveryReconciler{
		Shared: shared, dialect: d, kind: kind, wakes: newWakes(), memories: newMemories(), suspect: suspect,
		access: &access{reader: cache, kinds: kinds, class: shared.Class, clusterScoped: shared.ClusterScoped},
	}
	shared.Metrics.watch(kind.GVK.Kind, r.memories)
	shared.serve(d)
	c, err := newController(kind, mgr, r, shared.Workers)
	if err != nil {
		return err
	}
	r.uses = configMaps(c, cache, r.wakeByTemplate)
	sources := []source.Source{
		fromKind(cache, kind.New(), handler.WithLowPriorityWhenUnchanged(onManifest(r.wakeSelf))),
		fromKind(cache, kind.New(), onLeave(r.wakeHeirs)),
		secretSource{shared.Secrets, r.wakeBySecret},
	}
	for _, s := range kinds {
		sources = append(sources, fromKind(cache, s.Kind().New(), onStore(s, r.wakeByStore)))
	}
	if shared.ClusterScoped {
		sources = append(sources,
			fromKind(cache, partial("Namespace"), onLabels(r.wakeByNamespace)),
			fromKind(cache, partial("Namespace"), onGone(func(ctx context.Context, ns client.Object) {
				shared.Broker.ForgetReader(ctx, ns.GetName())
			})))
	}
	return watchAll(mgr, c, sources...)
}

// newController returns a controller that the manager does not run yet: a
// running manager would start it before it has its sources, and so before it
// knows what there is.
func newController(kind dialect.Kind, mgr manager.Manager, r reconcile.Reconciler, workers int) (controller.Controller, error) {
	options := controller.Options{Reconciler: r, MaxConcurrentReconciles: workers, Logger: mgr.GetLogger()}
	options.DefaultFromConfig(mgr.GetControllerOptions())
	return controller.NewUnmanaged(strings.ToLower(kind.GVK.Kind), options)
}

// watchAll gives the controller its sources and then to the manager.
func watchAll(mgr manager.Manager, c controller.Controller, sources ...source.Source) error {
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return mgr.Add(c)
}

// configMaps returns a function that starts the watch of ConfigMaps when the
// first object uses one: a cluster may have many, and most operators need
// none.
func configMaps(c controller.Controller, cache cache.Cache, wake wakeFunc) func(uses bool) error {
	var watched once
	return func(uses bool) error {
		if !uses {
			return nil
		}
		return watched.do(func() error {
			return c.Watch(fromKind(cache, partial("ConfigMap"), onContent(wake)))
		})
	}
}
