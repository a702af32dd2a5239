package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// spread lists the places of a destination in many namespaces. The source is
// never one of them. What the plan keeps out of goes into its warnings.
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
	within, gates := map[string]bool{}, r.gates(ctx, plan, owned)
	end := r.Now().Add(matchPatience)
	for _, ns := range namespaces {
		if r.Now().After(end) || ctx.Err() != nil {
			return nil, problem(delivery.Invalid, fmt.Sprintf(
				"matching %d namespaces takes longer than %s: give fewer or simpler patterns, or a label selector", len(namespaces), matchPatience))
		}
		if !r.Matcher.Within(dest.Spread, ns) {
			continue
		}
		within[ns.Name] = true
		if r.Matcher.Admits(dest.Spread.Into, ns) && gates.open(ns.Name, dest.Name) {
			add(delivery.Place{Namespace: ns.Name, Name: dest.Name})
		}
	}
	plan.Warnings = append(plan.Warnings, gates.told()...)
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
