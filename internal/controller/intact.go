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
func (r *deliveryReconciler) intact(job *engine.Job, mem *memory, current bool) bool {
	dest := &job.Plan.Destination
	switch {
	case len(job.Unwanted) > 0:
		return false
	case len(job.Places) == 0, dest.Creation == delivery.Orphan && dest.Yield == nil,
		mem.result == delivery.Retained, mem.result == delivery.Deleted:
		return true
	}
	for i := range job.Places {
		if !r.spotIntact(job, mem, &job.Places[i], current) {
			return false
		}
	}
	return true
}

func (r *deliveryReconciler) spotIntact(job *engine.Job, mem *memory, p *engine.Spot, current bool) bool {
	dest := &job.Plan.Destination
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
		settled(&job.Plan.Schedule, current) && target.Holds(job.Target(p), p.Seen)
}

// unseen reports that of what we wrote something is not known yet, for the
// watch of it is behind that of the manifests: nobody took it away.
func (r *deliveryReconciler) unseen(job *engine.Job) bool {
	watch := r.watchOf(job.Plan.Destination.Kind)
	return slices.ContainsFunc(job.Places, func(p engine.Spot) bool {
		return p.Cluster == "" && p.Seen == nil && p.Memory.Version != "" && watch.Behind(p.Namespace, p.Memory.Version)
	})
}

// recognise looks at the places that somebody touched, and reports whether all
// are as they were nevertheless.
func (r *deliveryReconciler) recognise(ctx context.Context, job *engine.Job, mem *memory) bool {
	if len(job.Unwanted) > 0 {
		return false
	}
	for i := range job.Places {
		p := &job.Places[i]
		if p.Seen == nil || p.Cluster != "" {
			return false
		}
		if p.Memory.Version != "" && p.Memory.Knows(p.Seen) {
			continue
		}
		known, same := r.Engine.Writer.Recognise(ctx, job.Target(p))
		if !same {
			return false
		}
		mem.targets = mem.targets.but(p.Place, known)
	}
	return true
}

// unmet reports that something is not there at all, or should not be: that is
// no quarrel over what it holds, and is not kept waiting by one.
func unmet(job *engine.Job) bool {
	return len(job.Unwanted) > 0 || slices.ContainsFunc(job.Places, func(p engine.Spot) bool { return p.Cluster == "" && p.Seen == nil })
}
