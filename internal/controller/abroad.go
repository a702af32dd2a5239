package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/target"
)

// unread is the version of what may be there in another cluster, and is to be
// read before anything else is known of it.
const unread = "0"

// abroad is what looks into other clusters found that is not as the runs of the
// owners left it, until these take note of it. What is Seen is there; what is
// not has gone. The zero value has none.
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

// after is what is remembered, with doubts where a look found something else.
func (r remembered) after(looks []engine.Spot) remembered {
	for i := range looks {
		p := &looks[i]
		left := r.of(p.Place)
		switch {
		case left.Version == "" && p.Seen == nil, p.Seen != nil && left.Knows(p.Seen):
		case left.Version == "":
			r = r.with([]engine.Spot{{Place: p.Place, Memory: target.Memory{Name: p.Name, Version: unread}}})
		default:
			left.Version = unread
			r = r.but(p.Place, left)
		}
	}
	return r
}
