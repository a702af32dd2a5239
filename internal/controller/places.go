package controller

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// watchOf is the watch of what a destination is made of.
func (s *Shared) watchOf(kind string) *objects.Watch {
	if kind == objects.ConfigMap {
		return s.ConfigMaps
	}
	return s.Secrets
}

// places are where the plan's destination is to be, and unwanted those that
// hold what is the object's and should not any longer.
//
// A pattern that is at fault admits nothing, which must not pass for a wish to
// have nothing: then there is an error, and nothing is taken back.
func (r *deliveryReconciler) places(ctx context.Context, plan *delivery.Delivery, mem *memory) (places, unwanted []engine.Spot, err error) {
	dest := &plan.Destination
	self := types.NamespacedName{Namespace: plan.Object.Namespace, Name: plan.Object.Name}
	mem.targets = mem.targets.after(r.abroad.take(self))
	owned := r.owned(r.watchOf(dest.Kind), self)
	var all []delivery.Place
	switch {
	case dest.Store != (delivery.StoreRef{}), dest.Name == "" || dest.Creation == delivery.None:
	case dest.Spread == nil:
		all = []delivery.Place{{Namespace: dest.Namespace, Name: dest.Name}}
	default:
		// Noted before the look: a namespace that the look misses wakes us.
		mem.spread = dest.Spread
		r.memories.keep(self, *mem)
		if all, err = r.spread(ctx, plan, owned); err != nil {
			return nil, nil, err
		}
	}
	wanted := make(map[delivery.Place]bool, len(all))
	for _, p := range all {
		if !wanted[p] {
			wanted[p] = true
			places = append(places, r.spot(dest, p, mem.targets.of(p)))
		}
	}
	if dest.Keep {
		return places, nil, nil
	}
	return places, r.unwanted(plan, mem, owned, wanted), nil
}

// spot is what is known of a place.
func (r *deliveryReconciler) spot(dest *delivery.Destination, p delivery.Place, left target.Memory) engine.Spot {
	s := engine.Spot{Place: p, Memory: left}
	if p.Cluster != "" {
		return s
	}
	if s.Seen = r.watchOf(dest.Kind).Get(p.Namespace, p.Name); s.Seen != nil {
		s.Follower = dest.Marks.Follows(s.Seen.Annotations)
	}
	return s
}

// unwanted are places that are the object's and not wanted, but for those that
// were looked at before and not its to take away.
func (r *deliveryReconciler) unwanted(plan *delivery.Delivery, mem *memory, owned []types.NamespacedName, wanted map[delivery.Place]bool) []engine.Spot {
	var all []engine.Spot
	spared := mem.spared
	mem.spared = nil // and without what is gone since
	for _, name := range owned {
		p := delivery.Place{Namespace: name.Namespace, Name: name.Name}
		// A source may bear marks by mistake or by malice, its own even.
		if wanted[p] || isSource(plan, p) {
			continue
		}
		switch s := r.spot(&plan.Destination, p, target.Memory{}); {
		case s.Follower:
		case s.Seen != nil && spared[p] == s.Seen.ResourceVersion:
			mem.spare(p, s.Seen.ResourceVersion)
		default:
			all = append(all, s)
		}
	}
	for _, t := range mem.targets {
		if t.in.Cluster != "" && t.left.Version != "" && !wanted[t.in] && !r.wantedElse(t.in, wanted) {
			all = append(all, engine.Spot{Place: t.in, Memory: t.left})
		}
	}
	return all
}

// wantedElse reports that a place in another cluster is wanted by the name of
// another context that leads there.
func (r *deliveryReconciler) wantedElse(p delivery.Place, wanted map[delivery.Place]bool) bool {
	for w := range wanted {
		if w.Cluster != "" && w.Namespace == p.Namespace && w.Name == p.Name && r.Clusters.Same(w.Cluster, p.Cluster) {
			return true
		}
	}
	return false
}

// owned lists what bears the object's mark.
func (r *deliveryReconciler) owned(watch *objects.Watch, owner types.NamespacedName) []types.NamespacedName {
	if r.ownerOf == nil {
		return nil
	}
	return watch.Find(r.ownerKey(owner))
}

func (r *deliveryReconciler) ownerKey(owner types.NamespacedName) string {
	return "owner/" + r.name + "/" + owner.String()
}

// isSource reports that the place is where the plan reads, or the object
// itself of an annotated kind.
func isSource(plan *delivery.Delivery, p delivery.Place) bool {
	ref := delivery.ObjectRef{Kind: cmp.Or(plan.Destination.Kind, objects.Secret), Namespace: p.Namespace, Name: p.Name}
	self := delivery.ObjectRef{Kind: plan.Object.Kind, Namespace: plan.Object.Namespace, Name: plan.Object.Name}
	return p.Cluster == "" && (ref == self || slices.Contains(plan.Objects(), ref))
}
