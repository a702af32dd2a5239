package controller

import (
	"context"
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// intact reports that nobody touched what the object made since it was found
// right: the versions are those remembered, here or in the status.
func (r *deliveryReconciler) intact(t *turn, current bool) bool {
	dest := &t.Plan.Destination
	switch {
	case len(t.Unwanted) > 0:
		return false
	case len(t.Places) == 0, dest.Creation == delivery.Orphan && dest.Yield == nil,
		t.mem.result == delivery.Retained, t.mem.result == delivery.Deleted:
		return true
	}
	for i := range t.Places {
		if !r.spotIntact(t, &t.Places[i], current) {
			return false
		}
	}
	return true
}

func (r *deliveryReconciler) spotIntact(t *turn, p *engine.Spot, current bool) bool {
	dest := &t.Plan.Destination
	switch {
	case p.Cluster != "": // no watch tells, but lookAbroad does
		return p.Memory.Version != "" && p.Memory.Version != unread
	case p.Seen == nil:
		return t.mem.result == delivery.Missing
	case p.Memory.Version != "":
		return p.Memory.Knows(p.Seen)
	case dest.Bound.Name != dest.Name:
		return false
	}
	// After a start. Where reading the sources again could bring what the
	// policy does not want, a Secret that is there and ours is right.
	return dest.Bound.Version == p.Seen.ResourceVersion ||
		settled(&t.Plan.Schedule, current) && target.Holds(t.Target(p), p.Seen)
}

// unseen reports that of what we wrote something is not known yet, for the
// watch of it is behind that of the manifests: nobody took it away.
func (r *deliveryReconciler) unseen(t *turn) bool {
	watch := r.watchOf(t.Plan.Destination.Kind)
	return slices.ContainsFunc(t.Places, func(p engine.Spot) bool {
		return p.Cluster == "" && p.Seen == nil && p.Memory.Version != "" && watch.Behind(p.Namespace, p.Memory.Version)
	})
}

// recognise looks at the places that somebody touched, and reports whether all
// are as they were nevertheless.
func (r *deliveryReconciler) recognise(ctx context.Context, t *turn) bool {
	if len(t.Unwanted) > 0 {
		return false
	}
	for i := range t.Places {
		p := &t.Places[i]
		if p.Seen == nil || p.Cluster != "" {
			return false
		}
		if p.Memory.Version != "" && p.Memory.Knows(p.Seen) {
			continue
		}
		known, same := r.Engine.Writer.Recognise(ctx, t.Target(p))
		if !same {
			return false
		}
		t.mem.targets = t.mem.targets.but(p.Place, known)
	}
	return true
}
