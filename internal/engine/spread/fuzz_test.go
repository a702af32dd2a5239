package spread_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// FuzzMatcher: whatever somebody writes as a pattern or selector, the matcher
// answers, in time, and what it calls a fault admits nothing.
func FuzzMatcher(f *testing.F) {
	for _, s := range []string{
		"", "team", "team-.*", "(?!kube-).*", "(a+)+$", "(", `(\w)\1`, "[a-z-[aeiou]]+", "team in (a, b),!c", "a=b",
		"(?:){2147483647}", "(?:a?){2147483647}", "((a{1000}){1000}){1000}", "a{2147483647}", "(?<n>a)(?(n)b|c)",
		`(?<-n>a)`, `(?x) a # b`, `\p{IsGreek}`, "(?<=(a+)+)b", "()*?", "(|a)*$", `\uFFFF\x{1}`, "(?i)\u0130", "((?=a*)+)+",
	} {
		f.Add(s, "team-aaaaaaaaaaaaaaaaaaaaaaaaaab")
	}
	m := spread.New()
	f.Fuzz(func(t *testing.T, expr, name string) {
		ns := spread.Namespace{Name: name, Labels: map[string]string{"team": name}}
		for _, rules := range [][]delivery.NamespaceRule{
			{{Regexes: []string{expr}}},
			{{DotNet: []string{expr}}},
			{{HasSelector: true, Selector: expr}},
		} {
			start := time.Now()
			admits, fault := m.Admits(rules, ns), m.Fault(rules)
			var failure *delivery.Error
			switch {
			case fault != nil && admits:
				t.Errorf("%+v is faulty and admits %q", rules, name)
			case fault != nil && (!errors.As(fault, &failure) || failure.Kind != delivery.Invalid):
				t.Errorf("the fault is %v", fault)
			case admits != m.Admits(rules, ns):
				t.Errorf("%+v admits %q by chance", rules, name)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%+v took %s on %q", rules, took, name)
			}
		}
	})
}
