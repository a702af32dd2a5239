package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
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
	mem.targets = mem.targets.with(r.abroad.take(self))
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
		if wanted[p] || isSource(plan, p) || r.protected(plan, p.Namespace) {
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
		if t.in.Cluster != "" && t.left.Version != "" && !wanted[t.in] {
			all = append(all, engine.Spot{Place: t.in, Memory: t.left})
		}
	}
	return all
}

// protected reports that the plan's copies neither come into the namespace nor
// leave it.
func (r *deliveryReconciler) protected(plan *delivery.Delivery, namespace string) bool {
	return namespace != plan.Object.Namespace && slices.Contains(r.Protected, namespace)
}

// owned lists what bears the object's mark.
func (r *deliveryReconciler) owned(watch *objects.Watch, owner types.NamespacedName) []types.NamespacedName {
	if _, ok := r.dialect.(dialect.Marked); !ok {
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

// spread lists the places of a destination in many namespaces. The source is
// never one of them.
func (r *deliveryReconciler) spread(ctx context.Context, plan *delivery.Delivery, owned []types.NamespacedName) ([]delivery.Place, error) {
	dest := &plan.Destination
	namespaces, err := r.namespaces(ctx, dest.Spread)
	if err != nil {
		return nil, err
	}
	var all []delivery.Place
	add := func(p delivery.Place) {
		if !isSource(plan, p) {
			all = append(all, p)
		}
	}
	within := map[string]bool{}
	end := r.Now().Add(matchPatience)
	for _, ns := range namespaces {
		if r.Now().After(end) || ctx.Err() != nil {
			return nil, problem(delivery.Invalid, fmt.Sprintf(
				"matching %d namespaces takes longer than %s: give fewer or simpler patterns, or a label selector", len(namespaces), matchPatience))
		}
		if r.protected(plan, ns.Name) {
			continue
		}
		if !r.Matcher.Within(dest.Spread, ns) {
			continue
		}
		within[ns.Name] = true
		if r.Matcher.Admits(dest.Spread.Into, ns) {
			add(delivery.Place{Namespace: ns.Name, Name: dest.Name})
		}
	}
	if dest.Spread.Followers {
		for _, name := range owned {
			if p := (delivery.Place{Namespace: name.Namespace, Name: name.Name}); within[p.Namespace] && r.spot(dest, p, target.Memory{}).Follower {
				add(p)
			}
		}
	}
	for _, cluster := range dest.Spread.Clusters {
		add(delivery.Place{Cluster: cluster, Namespace: r.Clusters.Namespace(cluster, plan.Object.Namespace), Name: dest.Name})
	}
	if err := r.Matcher.Fault(dest.Spread.Into); err != nil {
		return nil, err
	}
	return all, r.Matcher.Fault(dest.Spread.Within)
}

// matchPatience bounds the matching of one object's patterns. It is a worker's
// time, and every new namespace has them matched again.
const matchPatience = 2 * time.Second

// namespaces are those that copies can be made in: not such as are going.
func (r *deliveryReconciler) namespaces(ctx context.Context, s *delivery.Spread) ([]spread.Namespace, error) {
	var all []spread.Namespace
	if !r.ClusterScoped {
		if slices.ContainsFunc(slices.Concat(s.Into, s.Within), func(rule delivery.NamespaceRule) bool { return rule.HasSelector }) {
			return nil, problem(delivery.Unsupported,
				"this operator serves single namespaces and sees no labels of theirs: name them by pattern in place of a label selector")
		}
		for _, name := range r.Namespaces {
			all = append(all, spread.Namespace{Name: name})
		}
		return all, nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(partial("Namespace").GroupVersionKind())
	if err := r.Cluster.GetCache().List(ctx, list); err != nil {
		return nil, fmt.Errorf("list the namespaces: %w", err)
	}
	for i := range list.Items {
		if ns := &list.Items[i]; ns.DeletionTimestamp == nil {
			all = append(all, spread.Namespace{Name: ns.Name, Labels: ns.Labels})
		}
	}
	return all, nil
}

// ownerOf is the language's own; nil where an owner reference tells.
func (r *deliveryReconciler) ownerOf() target.OwnerOf {
	if m, ok := r.dialect.(dialect.Marked); ok {
		return m.OwnerOf
	}
	return nil
}
