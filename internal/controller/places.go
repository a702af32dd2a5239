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

// place is where one object of a destination is.
type place struct{ cluster, namespace, name string }

func placeOf(p *engine.Place) place { return place{p.Cluster, p.Namespace, p.Name} }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.cluster, q.cluster), cmp.Compare(p.namespace, q.namespace), cmp.Compare(p.name, q.name))
}

// held is what is known of one place.
type held struct {
	place
	target.Memory
}

// holdings are those of one object, in the order of their places: most
// objects have one, some have thousands.
type holdings []held

func (h holdings) of(p place) target.Memory {
	i, ok := h.find(p)
	if !ok {
		return target.Memory{}
	}
	return h[i].Memory
}

func (h holdings) find(p place) (int, bool) {
	return slices.BinarySearchFunc(h, p, func(e held, p place) int { return e.compare(p) })
}

// remember are the holdings after a run.
func remember(places []engine.Place, memories []target.Memory) holdings {
	h := make(holdings, len(places))
	for i := range places {
		h[i] = held{placeOf(&places[i]), memories[i]}
	}
	slices.SortFunc(h, func(a, b held) int { return a.compare(b.place) })
	return h
}

// with adds what is left in other clusters: no watch would bring it back to
// mind.
func (h holdings) with(left []engine.Place) holdings {
	if len(left) == 0 {
		return h
	}
	h = slices.Clone(h) // others may be reading it
	for i := range left {
		if _, known := h.find(placeOf(&left[i])); left[i].Cluster != "" && !known {
			h = append(h, held{placeOf(&left[i]), left[i].Memory})
		}
	}
	slices.SortFunc(h, func(a, b held) int { return a.compare(b.place) })
	return h
}

// abroad are those in other clusters alone: no watch tells of them.
func (h holdings) abroad() holdings {
	return slices.DeleteFunc(slices.Clone(h), func(e held) bool { return e.cluster == "" })
}

// watchOf is the watch of what a destination is made of.
func (s *Shared) watchOf(kind string) *objects.Watch {
	if kind == objects.ConfigMap {
		return s.ConfigMaps
	}
	return s.Secrets
}

// places are where the plan's destination is to be, and former those that hold
// what is the object's and should not any longer.
//
// A pattern that is at fault admits nothing, which must not pass for a wish to
// have nothing: then there is an error, and nothing is taken back.
func (r *deliveryReconciler) places(ctx context.Context, plan *delivery.Delivery, mem *memory) (places, former []engine.Place, err error) {
	dest := &plan.Destination
	watch := r.watchOf(dest.Kind)
	mem.targets = mem.targets.with(r.abroad.take(types.NamespacedName{Namespace: plan.Object.Namespace, Name: plan.Object.Name}))
	owned := r.owned(watch, types.NamespacedName{Namespace: plan.Object.Namespace, Name: plan.Object.Name})
	var want []place
	switch {
	case dest.Store != (delivery.StoreRef{}), dest.Name == "" || dest.Creation == delivery.None:
	case dest.Spread == nil:
		want = []place{{"", dest.Namespace, dest.Name}}
	default:
		// Noted before the look: a namespace that the look misses wakes us.
		mem.spread = dest.Spread
		r.memories.keep(types.NamespacedName{Namespace: plan.Object.Namespace, Name: plan.Object.Name}, *mem)
		if want, err = r.spread(ctx, plan, watch, owned); err != nil {
			return nil, nil, err
		}
	}
	wanted := make(map[place]bool, len(want))
	for _, p := range want {
		if wanted[p] {
			continue
		}
		wanted[p] = true
		one := engine.Place{Cluster: p.cluster, Namespace: p.namespace, Name: p.name, Memory: mem.targets.of(p)}
		if p.cluster == "" {
			one.Seen = watch.Get(p.namespace, p.name)
			one.Follower = follows(dest, one.Seen)
		}
		places = append(places, one)
	}
	if dest.Leave {
		return places, nil, nil
	}
	spared := map[place]string{} // without what is gone since
	for _, name := range owned {
		// A source may bear marks by mistake or by malice, its own even.
		if p := (place{"", name.Namespace, name.Name}); !wanted[p] && !isSource(plan, p) {
			one := engine.Place{Namespace: p.namespace, Name: p.name, Seen: watch.Get(p.namespace, p.name)}
			switch version := mem.spared[p]; {
			case one.Seen != nil && version == one.Seen.ResourceVersion:
				spared[p] = version
			case !follows(dest, one.Seen) && !r.protected(plan, name.Namespace):
				former = append(former, one)
			}
		}
	}
	mem.spared = spared
	for _, h := range mem.targets {
		if h.cluster != "" && h.Version != "" && !wanted[h.place] {
			former = append(former, engine.Place{Cluster: h.cluster, Namespace: h.namespace, Name: h.name, Memory: h.Memory})
		}
	}
	return places, former, nil
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

// follows reports that the object is there because its maker wants it filled.
func follows(dest *delivery.Destination, seen *metav1.PartialObjectMetadata) bool {
	if seen == nil || len(dest.Marks.Follow) == 0 {
		return false
	}
	for k, v := range dest.Marks.Annotations {
		if f, ok := dest.Marks.Follow[k]; ok && f != v && seen.Annotations[k] == v {
			return false
		}
	}
	return true
}

// isSource reports that the place is where the plan reads, or the object
// itself of an annotated kind.
func isSource(plan *delivery.Delivery, p place) bool {
	ref := delivery.ObjectRef{Kind: cmp.Or(plan.Destination.Kind, objects.Secret), Namespace: p.namespace, Name: p.name}
	self := delivery.ObjectRef{Kind: plan.Object.Kind, Namespace: plan.Object.Namespace, Name: plan.Object.Name}
	return p.cluster == "" && (ref == self || slices.Contains(plan.Objects(), ref))
}

// spread lists the places of a destination in many namespaces. The source is
// never one of them.
func (r *deliveryReconciler) spread(ctx context.Context, plan *delivery.Delivery, watch *objects.Watch, owned []types.NamespacedName) ([]place, error) {
	dest := &plan.Destination
	namespaces, err := r.namespaces(ctx, dest.Spread)
	if err != nil {
		return nil, err
	}
	var all []place
	add := func(p place) {
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
		if dest.Spread.Within != nil && !r.Matcher.Admits(dest.Spread.Within, ns) {
			continue
		}
		within[ns.Name] = true
		if r.Matcher.Admits(dest.Spread.Into, ns) {
			add(place{"", ns.Name, dest.Name})
		}
	}
	if dest.Spread.Followers {
		for _, name := range owned {
			if within[name.Namespace] && follows(dest, watch.Get(name.Namespace, name.Name)) {
				add(place{"", name.Namespace, name.Name})
			}
		}
	}
	for _, cluster := range dest.Spread.Clusters {
		add(place{cluster, r.Clusters.Namespace(cluster, plan.Object.Namespace), dest.Name})
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

// intact reports that nobody touched what the object made since it was found
// right: the versions are those remembered, here or in the status.
func (r *deliveryReconciler) intact(plan *delivery.Delivery, mem *memory, places, former []engine.Place, current bool) bool {
	dest := &plan.Destination
	switch {
	case len(former) > 0:
		return false
	case len(places) == 0, dest.Creation == delivery.Orphan && dest.Yield == nil,
		mem.result == delivery.Retained, mem.result == delivery.Deleted:
		return true
	}
	for i := range places {
		if !r.placeIntact(plan, mem, &places[i], current) {
			return false
		}
	}
	return true
}

func (r *deliveryReconciler) placeIntact(plan *delivery.Delivery, mem *memory, p *engine.Place, current bool) bool {
	dest := &plan.Destination
	switch {
	case p.Cluster != "":
		return p.Memory.Version != ""
	case p.Seen == nil:
		return mem.result == delivery.Missing
	case p.Memory.Version != "":
		return p.Memory.Knows(p.Seen)
	case dest.Bound.Name != dest.Name:
		return false
	}
	// After a start. Where reading the sources again could bring what the
	// policy does not want, a Secret that is there and ours is right.
	return dest.Bound.Version == p.Seen.ResourceVersion ||
		settled(&plan.Schedule, current) && target.Holds(engine.TargetOf(dest, p, r.ownerOf()), p.Seen)
}

// unseen reports that of what we wrote something is not known yet, for the
// watch of it is behind that of the manifests: nobody took it away.
func (r *deliveryReconciler) unseen(plan *delivery.Delivery, places []engine.Place) bool {
	watch := r.watchOf(plan.Destination.Kind)
	return slices.ContainsFunc(places, func(p engine.Place) bool {
		return p.Cluster == "" && p.Seen == nil && p.Memory.Version != "" && watch.Behind(p.Namespace, p.Memory.Version)
	})
}

// recognise looks at the places that somebody touched, and reports whether all
// are as they were nevertheless.
func (r *deliveryReconciler) recognise(ctx context.Context, plan *delivery.Delivery, mem *memory, places, former []engine.Place) bool {
	if len(former) > 0 {
		return false
	}
	mem.targets = slices.Clone(mem.targets) // others may be reading it
	for i := range places {
		p := &places[i]
		if p.Seen == nil || p.Cluster != "" {
			return false
		}
		if p.Memory.Version != "" && p.Memory.Knows(p.Seen) {
			continue
		}
		known, same := r.Engine.Writer.Recognise(ctx, engine.TargetOf(&plan.Destination, p, r.ownerOf()))
		if !same {
			return false
		}
		mem.targets.set(placeOf(p), known)
	}
	return true
}

func (h holdings) set(p place, m target.Memory) {
	if i, ok := h.find(p); ok {
		h[i].Memory = m
	}
}

// ownerOf is the language's own; nil where an owner reference tells.
func (r *deliveryReconciler) ownerOf() target.OwnerOf {
	if m, ok := r.dialect.(dialect.Marked); ok {
		return m.OwnerOf
	}
	return nil
}
