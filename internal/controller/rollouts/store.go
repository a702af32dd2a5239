package rollouts

import (
	"regexp"
	"slices"
	"sync"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// store has the workloads that ask for restarts, and finds them by what they
// ask about.
type store struct {
	languages []dialect.Workloads

	mu sync.RWMutex
	by map[delivery.Workload]*entry
	// named finds workloads by the objects that they use or name.
	named map[delivery.ObjectRef]map[delivery.Workload]*entry
	// matching are, by namespace, those that name objects by patterns.
	matching map[string]map[delivery.Workload]*entry
}

// entry is a workload and what it asks for.
type entry struct {
	*workload
	wishes []wish
	// err is the first thing that is wrong with its annotations.
	err error
}

// wish is what a workload asks for in one language.
type wish struct {
	language dialect.Workloads
	plan     delivery.Reload
	patterns [][]*regexp.Regexp // of each rule
}

func newStore(languages []dialect.Workloads) *store {
	return &store{
		languages: languages,
		by:        map[delivery.Workload]*entry{},
		named:     map[delivery.ObjectRef]map[delivery.Workload]*entry{},
		matching:  map[string]map[delivery.Workload]*entry{},
	}
}

// translate asks every language about a workload.
func (s *store) translate(w *workload) *entry {
	e := &entry{workload: w}
	for _, l := range s.languages {
		plan, err := l.Translate(w.seen())
		if err != nil && e.err == nil {
			e.err = err
		}
		holds := w.paused && plan.Held(w.Annotations)
		if !plan.Asks() && !holds {
			continue
		}
		h := wish{language: l, plan: plan, patterns: make([][]*regexp.Regexp, len(plan.Rules))}
		for i := range plan.Rules {
			for _, p := range plan.Rules[i].Patterns {
				// The language has let it pass.
				if re, err := regexp.Compile(p); err == nil {
					h.patterns[i] = append(h.patterns[i], re)
				}
			}
		}
		e.wishes = append(e.wishes, h)
	}
	return e
}

// asks reports that the workload asks for something in the language.
func (e *entry) asks(language string) bool {
	for i := range e.wishes {
		if e.wishes[i].language.Name() == language && e.wishes[i].plan.Asks() {
			return true
		}
	}
	return false
}

// matters reports that there is something to do for the workload, or to say.
func (e *entry) matters() bool {
	_, odd := rollout.Stopped(e.Annotations)
	return len(e.wishes) > 0 || e.err != nil || odd != nil
}

// asking reports that the workload asks for something in some language.
func (e *entry) asking() bool {
	return slices.ContainsFunc(e.wishes, func(h wish) bool { return h.plan.Asks() })
}

// put takes a workload as it is now, and reports whether it is worth a look.
func (s *store) put(w *workload) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.by[w.id()]
	if old != nil && old.same(w) {
		// Only its status; but keep the version that a write needs.
		old.replace(s, w)
		return false
	}
	e := s.translate(w)
	s.drop(old)
	if !e.matters() || !w.DeletionTimestamp.IsZero() {
		return old != nil
	}
	s.add(e)
	return true
}

// replace swaps in a workload that asks for the same. Entries are handed out
// and read without a lock, so another one takes its place.
func (e *entry) replace(s *store, w *workload) {
	next := *e
	next.workload = w
	s.drop(e)
	s.add(&next)
}

func (s *store) add(e *entry) {
	id := e.id()
	s.by[id] = e
	for _, ref := range e.refs() {
		put(s.named, ref, id, e)
	}
	if e.matches() {
		put(s.matching, e.Namespace, id, e)
	}
}

func (s *store) drop(e *entry) {
	if e == nil {
		return
	}
	id := e.id()
	delete(s.by, id)
	for _, ref := range e.refs() {
		remove(s.named, ref, id)
	}
	remove(s.matching, e.Namespace, id)
}

func put[K comparable](m map[K]map[delivery.Workload]*entry, k K, id delivery.Workload, e *entry) {
	if m[k] == nil {
		m[k] = map[delivery.Workload]*entry{}
	}
	m[k][id] = e
}

func remove[K comparable](m map[K]map[delivery.Workload]*entry, k K, id delivery.Workload) {
	delete(m[k], id)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// forget drops a workload that is gone.
func (s *store) forget(id delivery.Workload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.by[id])
}

// get returns a workload that asks for something, nil if none of that name
// does.
func (s *store) get(id delivery.Workload) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.by[id]
}

// interested lists the workloads that a change of the object may concern.
func (s *store) interested(ref delivery.ObjectRef) []*entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*entry
	for _, e := range s.named[ref] {
		out = append(out, e)
	}
	for id, e := range s.matching[ref.Namespace] {
		if s.named[ref][id] == nil && e.matchesName(ref) {
			out = append(out, e)
		}
	}
	return out
}

// wanted reports that some workload uses or names the object.
func (s *store) wanted(ref delivery.ObjectRef) bool { return len(s.interested(ref)) > 0 }
