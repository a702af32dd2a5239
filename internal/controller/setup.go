package controller

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
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
func Add(ctx context.Context, mgr manager.Manager, shared *Shared, lang dialect.Language) error {
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
		name := d.Kind().GVK.Kind
		if d.Kind().Annotated {
			name += " (" + lang.Name + ")"
		}
		workers := cmp.Or(lang.Workers, shared.Workers)
		if err := addDeliveries(ctx, mgr, shared, name, workers, d, kinds, suspect); err != nil {
			return fmt.Errorf("start the controller of %s: %w", name, err)
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
	c, err := newController(kind.GVK.Kind, mgr, r, shared.Workers)
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
	return watchAll(mgr, c,
		fromKind(cache, kind.New(), onManifest(func(_ context.Context, obj client.Object, q queue) {
			q.Add(request{NamespacedName: client.ObjectKeyFromObject(obj)})
		})),
		objectSource{shared.Secrets, wake},
		objectSource{shared.ConfigMaps, wake},
		source.Channel(suspects, &handler.EnqueueRequestForObject{}),
	)
}

func addDeliveries(ctx context.Context, mgr manager.Manager, shared *Shared, name string, workers int, d dialect.Deliveries, kinds map[string]dialect.Stores, suspect func(delivery.StoreRef)) error {
	kind := d.Kind()
	cache := shared.Cluster.GetCache()
	r := &deliveryReconciler{
		Shared: shared, name: name, dialect: d, kind: kind, wakes: newWakes(), memories: newMemories(), suspect: suspect,
		access: &access{reader: cache, kinds: kinds, matcher: shared.Matcher, class: shared.Class, clusterScoped: shared.ClusterScoped},
	}
	if marked, ok := d.(dialect.Marked); ok {
		r.ownerOf = marked.OwnerOf
	}
	sources, err := r.ownSources(ctx)
	if err != nil {
		return err
	}
	if r.ownerOf != nil {
		for _, watch := range []*objects.Watch{shared.Secrets, shared.ConfigMaps} {
			watch.Index("owner of "+name, func(obj *metav1.PartialObjectMetadata) []string {
				owner, ok := r.ownerOf(&obj.ObjectMeta)
				if !ok {
					return nil
				}
				return []string{r.ownerKey(owner), ownersKey(name)}
			})
		}
	}
	shared.Metrics.watch(name, r.memories)
	shared.Served.add(d)
	c, err := newController(name, mgr, r, workers)
	if err != nil {
		return err
	}
	sources = append(sources, objectSource{shared.Secrets, r.wakeByObject}, objectSource{shared.ConfigMaps, r.wakeByObject})
	for _, s := range kinds {
		sources = append(sources, fromKind(cache, s.Kind().New(), onStore(s, r.wakeByStore)))
	}
	if shared.Keys != nil && !kind.Annotated {
		sources = append(sources, r.onKeys())
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

// ownSources are what brings the objects themselves.
func (r *deliveryReconciler) ownSources(ctx context.Context) ([]source.Source, error) {
	if r.kind.Annotated {
		watch := r.watchOf(r.kind.GVK.Kind)
		objs := annotated{watch, r.name}
		objs.index(r.dialect)
		r.objects = objs
		return []source.Source{annotatedSource{objs, r}}, nil
	}
	cache := r.Cluster.GetCache()
	r.objects = cached{cache, r.kind}
	err := cache.IndexField(ctx, r.kind.New(), index, func(obj client.Object) []string {
		plan, _ := r.dialect.Translate(obj)
		return planKeys(&plan)
	})
	return []source.Source{
		fromKind(cache, r.kind.New(), handler.WithLowPriorityWhenUnchanged(onManifest(r.wakeSelf))),
		fromKind(cache, r.kind.New(), onLeave(r.wakeHeirs)),
	}, err
}

// newController returns a controller that the manager does not run yet: a
// running manager would start it before it has its sources, and so before it
// knows what there is.
func newController(name string, mgr manager.Manager, r reconcile.Reconciler, workers int) (controller.Controller, error) {
	options := controller.Options{Reconciler: r, MaxConcurrentReconciles: workers, RateLimiter: errorRetries(), Logger: mgr.GetLogger()}
	options.DefaultFromConfig(mgr.GetControllerOptions())
	return controller.NewUnmanaged(strings.ToLower(name), options)
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
