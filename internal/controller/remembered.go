package controller

import (
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// remembered is what an object's last run left in its places, in their order:
// most objects have one, some have thousands. Others read it at any time, so
// what they may have is never changed.
type remembered []trace

// trace is what was left in one place.
type trace struct {
	in   delivery.Place
	left target.Memory
}

// remember is what a run left.
func remember(spots []engine.Spot) remembered {
	all := make(remembered, len(spots))
	for i := range spots {
		all[i] = trace{spots[i].Place, spots[i].Memory}
	}
	slices.SortFunc(all, trace.compare)
	return all
}

func (t trace) compare(other trace) int { return t.in.Compare(other.in) }

// of is what was left in the place; zero for nothing.
func (r remembered) of(p delivery.Place) target.Memory {
	if i, ok := r.find(p); ok {
		return r[i].left
	}
	return target.Memory{}
}

func (r remembered) find(p delivery.Place) (int, bool) {
	return slices.BinarySearchFunc(r, p, func(t trace, p delivery.Place) int { return t.in.Compare(p) })
}

// in reports that something was left in the namespace.
func (r remembered) in(namespace string) bool {
	return slices.ContainsFunc(r, func(t trace) bool { return t.in.Namespace == namespace })
}

// but is what is remembered, with another memory of one place.
func (r remembered) but(p delivery.Place, left target.Memory) remembered {
	i, ok := r.find(p)
	if !ok {
		return r
	}
	r = slices.Clone(r)
	r[i].left = left
	return r
}

// with adds what is in other clusters, where it is not remembered: no watch
// would bring it back to mind.
func (r remembered) with(spots []engine.Spot) remembered {
	if len(spots) == 0 {
		return r
	}
	r = slices.Clone(r)
	for i := range spots {
		if _, known := r.find(spots[i].Place); spots[i].Cluster != "" && !known {
			r = append(r, trace{spots[i].Place, spots[i].Memory})
		}
	}
	slices.SortFunc(r, trace.compare)
	return r
}

// abroad is what is in other clusters alone.
func (r remembered) abroad() remembered {
	return slices.DeleteFunc(slices.Clone(r), func(t trace) bool { return t.in.Cluster == "" })
}
