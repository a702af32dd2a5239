package controller

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine"
)

// turn is one run of one object: the job to do, and for whom and why.
type turn struct {
	engine.Job

	// obj is the object as it is now: what the run writes of it before its
	// end makes another version of it.
	obj client.Object
	// mem is kept when the run says so, not at each change of it.
	mem   memory
	woken wake
	// now is when the run began.
	now time.Time
}

func (t *turn) name() types.NamespacedName { return client.ObjectKeyFromObject(t.obj) }

// disputed is the first place that is not as the last run left it, in the state
// that it is in.
func (t *turn) disputed() (spot *engine.Spot, seen string) {
	for i := range t.Places {
		p := &t.Places[i]
		switch {
		case p.Cluster != "":
		case p.Seen == nil:
			return p, p.String()
		case !p.Memory.Knows(p.Seen):
			return p, p.String() + "@" + p.Seen.ResourceVersion
		}
	}
	return nil, ""
}

// unmet reports that something is not there at all, or should not be: that is
// no quarrel over what it holds, and is not kept waiting by one.
func (t *turn) unmet() bool {
	return len(t.Unwanted) > 0 || slices.ContainsFunc(t.Places, func(p engine.Spot) bool { return p.Cluster == "" && p.Seen == nil })
}
