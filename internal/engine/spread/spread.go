// Package spread decides which namespaces a list of rules admits.
//
// The patterns come from whoever may annotate a Secret, so each has a bound on
// its length, each match of a backtracking one a bound on its time, and what
// was compiled is kept in a bounded memory. A part of a rule that is malformed
// or too slow admits nothing: it fails closed, and Fault says why.
package spread

import (
	"slices"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// The bounds of rules. More is a fault.
const (
	// MaxPattern is the length of a regular expression in bytes.
	MaxPattern = 1 << 10
	// MaxPatterns is the number of regular expressions in one list of rules.
	MaxPatterns = 1 << 10
	// MaxSelector is the length of a label selector in bytes.
	MaxSelector = 8 << 10
	// MatchTime is how long a .NET pattern may take for one name. It is
	// measured in steps of 5 ms, so that up to 10 ms more may pass.
	MatchTime = 20 * time.Millisecond
)

// kept is how many compiled patterns and selectors a Matcher remembers.
const kept = 1 << 10

// Namespace is what rules see of a namespace.
type Namespace struct {
	Name string
	// Labels are nil where the namespace has not been seen yet: then no
	// selector admits it, not even the empty one.
	Labels map[string]string
}

// Matcher matches namespaces against rules, and remembers what it compiled.
// Its methods may be called concurrently.
type Matcher struct {
	mu    sync.Mutex
	forms memory
}

// finerClock lets the engine measure its time limit in steps of 5 ms in place
// of 100. The setting is the library's own global and must not change while a
// match runs; hence once, before the first.
var finerClock = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(5 * time.Millisecond) })

// New returns a Matcher.
func New() *Matcher {
	finerClock()
	return &Matcher{forms: remember(kept)}
}

// Admits reports whether one of the rules admits the namespace. No rules
// admit none.
//
// It may find out that a pattern is too slow. Whoever takes something away
// because of a false must ask Fault afterwards, lest a fault pass for a no.
func (m *Matcher) Admits(rules []delivery.NamespaceRule, ns Namespace) bool {
	for i := range rules {
		if slices.Contains(rules[i].Names, ns.Name) {
			return true
		}
	}
	if len(ns.Name) > maxName || count(rules) > MaxPatterns {
		return false
	}
	for i := range rules {
		switch m.judge(&rules[i], ns) {
		case admitted:
			return true
		case slow:
			return false
		}
	}
	return false
}

// Within reports that the spread is not kept out of the namespace.
func (m *Matcher) Within(s *delivery.Spread, ns Namespace) bool {
	return s.Within == nil || m.Admits(s.Within, ns)
}

// Wants reports that the spread wants a copy in the namespace.
func (m *Matcher) Wants(s *delivery.Spread, ns Namespace) bool {
	return m.Within(s, ns) && m.Admits(s.Into, ns)
}

// maxName is the longest name that a namespace can have.
const maxName = 63

// verdict is what a rule says of a namespace.
type verdict int

const (
	passed verdict = iota
	admitted
	// slow: a pattern took too long. The rest is not tried, so that a list
	// costs no more than one such pattern does.
	slow
)

func (m *Matcher) judge(rule *delivery.NamespaceRule, ns Namespace) verdict {
	for _, expr := range rule.Regexes {
		if m.form(grammarRE2, expr).matches(ns.Name) {
			return admitted
		}
	}
	for _, expr := range rule.DotNet {
		f := m.form(grammarDotNet, expr)
		if f.matches(ns.Name) {
			return admitted
		}
		if f.slow.Load() != nil {
			return slow
		}
	}
	if rule.HasSelector && ns.Labels != nil && m.form(grammarSelector, rule.Selector).selects(labels.Set(ns.Labels)) {
		return admitted
	}
	return passed
}

// form is the compiled form of a pattern or selector, from memory if it is
// there.
func (m *Matcher) form(g grammar, expr string) *form {
	at := place{g, expr}
	m.mu.Lock()
	f := m.forms.get(at)
	m.mu.Unlock()
	if f != nil {
		return f
	}
	f = compile(g, expr)
	if len(expr) > g.bound() {
		// It is refused by its length each time; to remember it would make the
		// memory as large as what somebody writes.
		return f
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forms.put(at, f)
}

func count(rules []delivery.NamespaceRule) int {
	n := 0
	for i := range rules {
		n += len(rules[i].Regexes) + len(rules[i].DotNet)
	}
	return n
}
