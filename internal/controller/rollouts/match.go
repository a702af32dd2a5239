package rollouts

import (
	"regexp"
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// refs are the objects that the workload uses, so far as some wish is about
// their kind, and those that it names.
func (e *entry) refs() []delivery.ObjectRef {
	seen := map[delivery.ObjectRef]bool{}
	var out []delivery.ObjectRef
	take := func(kind, name string) {
		ref := delivery.ObjectRef{Kind: kind, Namespace: e.Namespace, Name: name}
		if !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
	}
	e.rules(func(_ *wish, rule *delivery.ReloadRule, _ []*regexp.Regexp) {
		if rule.Never {
			return
		}
		for _, kind := range rule.Kinds() {
			for _, name := range rule.Names {
				take(kind, name)
			}
			for _, u := range e.uses {
				if u.kind == kind && rule.Referenced {
					take(kind, u.name)
				}
			}
		}
	})
	return out
}

// rules calls f for every rule of every wish.
func (e *entry) rules(f func(*wish, *delivery.ReloadRule, []*regexp.Regexp)) {
	for i := range e.wishes {
		h := &e.wishes[i]
		for j := range h.plan.Rules {
			f(h, &h.plan.Rules[j], h.patterns[j])
		}
	}
}

// matches reports that the workload names objects by patterns.
func (e *entry) matches() bool {
	found := false
	e.rules(func(_ *wish, rule *delivery.ReloadRule, patterns []*regexp.Regexp) {
		found = found || !rule.Never && len(patterns) > 0
	})
	return found
}

// matchesName reports that a pattern of the workload fits the object.
func (e *entry) matchesName(ref delivery.ObjectRef) bool {
	found := false
	e.rules(func(_ *wish, rule *delivery.ReloadRule, patterns []*regexp.Regexp) {
		found = found || !rule.Never && slices.Contains(rule.Kinds(), ref.Kind) && fitsAny(patterns, ref.Name)
	})
	return found
}

func fitsAny(patterns []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// candidates lists every object that may restart the workload: those of refs,
// those that patterns fit, and those of its record, which may be gone.
func (e *entry) candidates(objects watches, record rollout.Record) []delivery.ObjectRef {
	out := e.refs()
	e.rules(func(_ *wish, rule *delivery.ReloadRule, patterns []*regexp.Regexp) {
		if rule.Never || len(patterns) == 0 {
			return
		}
		for _, kind := range rule.Kinds() {
			for _, name := range objects.in(kind, e.Namespace) {
				if fitsAny(patterns, name) {
					out = append(out, delivery.ObjectRef{Kind: kind, Namespace: e.Namespace, Name: name})
				}
			}
		}
	})
	for name := range record {
		if ref, ok := rollout.Object(name, e.Namespace); ok {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, func(a, b delivery.ObjectRef) int {
		switch {
		case a == b:
			return 0
		case rollout.Entry(a) < rollout.Entry(b):
			return -1
		}
		return 1
	})
	return slices.Compact(out)
}

// tags are an object's labels and annotations.
type tags struct{ labels, annotations map[string]string }

// wishing lists the wishes by which a change of the object restarts the
// workload. The tags are the object's, or gone is set: then what depends on
// them is taken to be as it was.
func (e *entry) wishing(ref delivery.ObjectRef, has tags, gone bool) []*wish {
	_, uses := e.using(ref)
	var out []*wish
	for i := range e.wishes {
		h := &e.wishes[i]
		for j := range h.plan.Rules {
			rule := &h.plan.Rules[j]
			if !fits(rule, h.patterns[j], ref, uses, has, gone) {
				continue
			}
			if !rule.Never {
				out = append(out, h)
			}
			break
		}
	}
	return out
}

func fits(rule *delivery.ReloadRule, patterns []*regexp.Regexp, ref delivery.ObjectRef, uses bool, has tags, gone bool) bool {
	if rule.Kind != "" && rule.Kind != ref.Kind || rule.Referenced && !uses {
		return false
	}
	if len(rule.Names)+len(rule.Patterns) > 0 && !slices.Contains(rule.Names, ref.Name) && !fitsAny(patterns, ref.Name) {
		return false
	}
	if gone && len(rule.With)+len(rule.WithLabels) > 0 {
		return !rule.Never
	}
	return within(rule.With, has.annotations) && within(rule.WithLabels, has.labels)
}

// within reports that all has what some does.
func within(some, all map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}
