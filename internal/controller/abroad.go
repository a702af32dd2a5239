package controller

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// abroad are copies in other clusters that were found there after a start, by
// their owner, until that one's run takes note of them. The zero value has
// none.
type abroad struct {
	mu sync.Mutex
	by map[types.NamespacedName][]engine.Spot
}

func (a *abroad) add(owner types.NamespacedName, p engine.Spot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[types.NamespacedName][]engine.Spot{}
	}
	a.by[owner] = append(a.by[owner], p)
}

func (a *abroad) take(owner types.NamespacedName) []engine.Spot {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.by[owner]
	delete(a.by, owner)
	return found
}

// searchAbroad looks once into every other cluster for copies that an owner
// here may not want any longer: other clusters are not watched, and nothing
// else remembers them.
//
// Those of an owner that is not here stay. It may have gone while nobody
// looked; or it may be another cluster's that was given the same name, or this
// one may be about to get it. Nothing tells these apart.
func (r *deliveryReconciler) searchAbroad(ctx context.Context, watch *objects.Watch, q queue) {
	lang, ok := r.dialect.(dialect.Abroad)
	if !ok || len(lang.AbroadLabels()) == 0 || r.Clusters == nil {
		return
	}
	for _, cluster := range r.Clusters.Names() {
		go func() {
			if synced(ctx, watch) != nil {
				return
			}
			for _, found := range r.listAbroad(ctx, cluster, watch.Kind(), lang.AbroadLabels()) {
				r.takeNote(ctx, cluster, &found, watch, q)
			}
		}()
	}
}

// listAbroad lists the copies in a cluster, however long that takes to answer.
func (r *deliveryReconciler) listAbroad(ctx context.Context, cluster, kind string, labels map[string]string) []metav1.PartialObjectMetadata {
	for failures := 1; ; failures++ {
		found, err := r.Clusters.Find(ctx, cluster, kind, labels)
		if err == nil || delivery.KindOf(err) == delivery.Invalid {
			return found
		}
		log.FromContext(ctx).V(1).Info("copies could not be listed", "cluster", cluster, "kind", kind, "error", err)
		select {
		case <-time.After(retryAfter(failures, asFailure(err))):
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *deliveryReconciler) takeNote(ctx context.Context, cluster string, found *metav1.PartialObjectMetadata, watch *objects.Watch, q queue) {
	owner, ok := r.ownerOf(&found.ObjectMeta)
	if !ok {
		return
	}
	if watch.Get(owner.Namespace, owner.Name) == nil {
		log.FromContext(ctx).Info("a copy's source is not here; delete the copy if nobody needs it",
			"cluster", cluster, "kind", watch.Kind(), "copy", found.Namespace+"/"+found.Name, "source", owner.String())
		return
	}
	r.abroad.add(owner, engine.Spot{
		Place:  delivery.Place{Cluster: cluster, Namespace: found.Namespace, Name: found.Name},
		Memory: target.Memory{Name: found.Name, Version: "0"}, // it is there, and nothing else is known
	})
	r.wake(q, owner, wake{asked: r.Now()})
}
