package spread_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

type rule = delivery.NamespaceRule

func TestAPartOfARuleAdmits(t *testing.T) {
	t.Parallel()
	m := spread.New()
	seen := map[string]string{}
	teamA := map[string]string{"team": "a"}
	for name, c := range map[string]struct {
		rules []rule
		ns    spread.Namespace
		want  bool
	}{
		"no rule":                  {nil, spread.Namespace{Name: "a", Labels: seen}, false},
		"a rule that says nothing": {[]rule{{}}, spread.Namespace{Name: "a", Labels: seen}, false},
		"name":                     {[]rule{{Names: []string{"a", "b"}}}, spread.Namespace{Name: "b"}, true},
		"another name":             {[]rule{{Names: []string{"a"}}}, spread.Namespace{Name: "ab"}, false},
		"regex":                    {[]rule{{Regexes: []string{"^team-"}}}, spread.Namespace{Name: "team-x"}, true},
		"regex, unanchored":        {[]rule{{Regexes: []string{"eam"}}}, spread.Namespace{Name: "team-x"}, true},
		"another regex":            {[]rule{{Regexes: []string{"^team-"}}}, spread.Namespace{Name: "my-team-x"}, false},
		"selector":                 {[]rule{{HasSelector: true, Selector: "team=a"}}, spread.Namespace{Name: "n", Labels: teamA}, true},
		"another selector":         {[]rule{{HasSelector: true, Selector: "team=b"}}, spread.Namespace{Name: "n", Labels: teamA}, false},
		"set selector":             {[]rule{{HasSelector: true, Selector: "team in (b, a),!gone"}}, spread.Namespace{Name: "n", Labels: teamA}, true},
		"empty selector":           {[]rule{{HasSelector: true}}, spread.Namespace{Name: "n", Labels: seen}, true},
		"namespace not seen yet":   {[]rule{{HasSelector: true, Selector: "team=a"}}, spread.Namespace{Name: "n"}, false},
		"not seen, empty selector": {[]rule{{HasSelector: true}}, spread.Namespace{Name: "n"}, false},
		"selector without consent": {[]rule{{Selector: "team=a"}}, spread.Namespace{Name: "n", Labels: teamA}, false},
		"the second rule":          {[]rule{{Names: []string{"x"}}, {Names: []string{"n"}}}, spread.Namespace{Name: "n"}, true},
		"beside a malformed regex": {[]rule{{Regexes: []string{"(", "^n"}}}, spread.Namespace{Name: "n"}, true},
		"beside a bad selector":    {[]rule{{Selector: "a b", HasSelector: true}, {Names: []string{"n"}}}, spread.Namespace{Name: "n"}, true},
		"a bad selector alone":     {[]rule{{Selector: "a b", HasSelector: true}}, spread.Namespace{Name: "n", Labels: teamA}, false},
	} {
		if got := m.Admits(c.rules, c.ns); got != c.want {
			t.Errorf("%s: admits = %v", name, got)
		}
	}
}

// The expectations are those of .NET's Regex.Match with a match as long as
// the input.
func TestTheFirstMatchOfADotNetPatternIsTheWholeName(t *testing.T) {
	t.Parallel()
	m := spread.New()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"team", "team", true},
		{"team", "team-x", false},
		{"team", "my-team", false},
		{"TEAM", "team", false},
		{"(?i)TEAM", "team", true},
		{"team-.*", "team-x", true},
		{"team-.*", "my-team-x", false},
		{"team-*", "team-x", false}, // a glob in mind, a pattern in fact
		{"team-*", "team--", true},
		{"a|ab", "ab", false}, // the first alternative wins, and is too short
		{"ab|a", "ab", true},
		{"a+?", "aaa", false},
		{"^a+?$", "aaa", true},
		{"[0-9]+", "12a34", false}, // the first match is 12
		{"(?!kube-).*", "default", true},
		{"(?!kube-).*", "kube-system", false}, // matches ube-system, which is not all
		{"^(?!kube-system$|prod).*", "kube-system2", true},
		{"^(?!kube-system$|prod).*", "prod-1", false},
		{"(?<!x)team", "team", true},
		{`(\w)\1`, "aa", true},
		{`(\w)\1`, "ab", false},
		{"[a-z-[aeiou]]+", "xyz", true}, // class subtraction
		{"[a-z-[aeiou]]+", "xaz", false},
		{"(?>a*)ab", "aab", false},
		{"ns-[0-9]{1", "ns-1{1", true}, // half of a pattern that a comma cut
		{".*", "", true},
		{"(", "(", false},
		{"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d0a1b", true},
	} {
		if got := m.Admits([]rule{{DotNet: []string{c.pattern}}}, spread.Namespace{Name: c.name}); got != c.want {
			t.Errorf("%q on %q: admits = %v", c.pattern, c.name, got)
		}
	}
}

func TestAFaultNamesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	m := spread.New()
	long := strings.Repeat("a", spread.MaxPattern+1)
	for name, c := range map[string]struct {
		rules []rule
		want  string // part of the message; empty: none
	}{
		"none":            {nil, ""},
		"good":            {[]rule{{Names: []string{"("}, Regexes: []string{"a"}, DotNet: []string{"(?!a).*"}, HasSelector: true}}, ""},
		"RE2":             {[]rule{{Regexes: []string{"a", "(?!a)"}}}, `the regular expression "(?!a)" is malformed: invalid or unsupported Perl syntax`},
		"RE2, long":       {[]rule{{Regexes: []string{long}}}, "has 1025 bytes"},
		"RE2, large":      {[]rule{{Regexes: []string{"(?:" + long[:500] + "){1000}"}}}, "repeats too much"},
		".NET":            {[]rule{{DotNet: []string{"(a"}}}, `the .NET regular expression "(a" is malformed`},
		".NET, reference": {[]rule{{DotNet: []string{`(a)\9`}}}, "is malformed"},
		".NET, long":      {[]rule{{DotNet: []string{long}}}, "has 1025 bytes"},
		".NET, groups":    {[]rule{{DotNet: []string{strings.Repeat("(a|", 65) + strings.Repeat(")", 65)}}}, "too many groups"},
		".NET, rounds":    {[]rule{{DotNet: []string{"(?:(a|)){2000000000}?b"}}}, "repeats them too often"},
		".NET, nested":    {[]rule{{DotNet: []string{"((a|){40}){40}b"}}}, "repeats them too often"},
		".NET, spaced":    {[]rule{{DotNet: []string{"(?x)(a|) {99999999999999999999,}b"}}}, "repeats them too often"},
		".NET, counts":    {[]rule{{DotNet: []string{"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}}}, ""},
		"selector":        {[]rule{{HasSelector: true, Selector: "a b"}}, `the label selector "a b" is malformed`},
		"selector, long":  {[]rule{{HasSelector: true, Selector: "a in (" + strings.Repeat("x,", spread.MaxSelector) + "x)"}}, "more than the 8192"},
		"the field":       {[]rule{{}, {Field: "spec.x", Regexes: []string{"("}}}, `spec.x: the regular expression "("`},
		"too many":        {[]rule{{Field: "f", Regexes: make([]string, 600)}, {DotNet: make([]string, 600)}}, "f: 1200 patterns"},
	} {
		err := m.Fault(c.rules)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var failure *delivery.Error
		if !errors.As(err, &failure) || failure.Kind != delivery.Invalid || !strings.Contains(failure.Message, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(failure.Message) > 400 {
			t.Errorf("%s: a message of %d bytes", name, len(failure.Message))
		}
		bad := c.rules[len(c.rules)-1]
		bad.Regexes = bad.Regexes[max(0, len(bad.Regexes)-1):]
		for _, ns := range []string{"", "a", "(", long[:63]} {
			if name != "too many" && m.Admits([]rule{bad}, spread.Namespace{Name: ns, Labels: map[string]string{}}) {
				t.Errorf("%s: admits %q", name, ns)
			}
		}
	}
}

func TestASlowPatternAdmitsNothingAndIsReported(t *testing.T) {
	t.Parallel()
	m := spread.New()
	const slow = "(a+)+$"
	rules := []rule{{Field: "f", DotNet: []string{slow, "short"}}}
	if err := m.Fault(rules); err != nil {
		t.Fatalf("a fault before anything was matched: %v", err)
	}
	long := strings.Repeat("a", 62) + "b"
	if !m.Admits(rules, spread.Namespace{Name: "short"}) {
		t.Error("the pattern is quick on a short name, and the next one matches it")
	}
	if m.Admits(rules, spread.Namespace{Name: long}) {
		t.Error("admits what it cannot tell")
	}
	err := m.Fault(rules)
	if delivery.KindOf(err) != delivery.Invalid || !strings.Contains(err.Error(), `f: the .NET regular expression "(a+)+$" takes longer than 20ms`) ||
		!strings.Contains(err.Error(), long) {
		t.Errorf("fault = %v", err)
	}
	for _, name := range []string{"aaa", "short"} {
		if m.Admits(rules, spread.Namespace{Name: name}) {
			t.Errorf("the list admits %q though one of its patterns is too slow", name)
		}
	}
	others := []rule{{DotNet: []string{"a+"}}}
	if !m.Admits(others, spread.Namespace{Name: "aaa"}) || m.Fault(others) != nil {
		t.Error("another list suffers for it")
	}
}

func TestWhatIsForgottenIsCompiledAnew(t *testing.T) {
	t.Parallel()
	m := spread.New()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 3000 {
				rules := []rule{{DotNet: []string{fmt.Sprintf("n[%d]-%d", i%10, i)}}}
				want := fmt.Sprintf("n%d-%d", i%10, i)
				if !m.Admits(rules, spread.Namespace{Name: want}) || m.Admits(rules, spread.Namespace{Name: "x" + want}) {
					t.Errorf("%d: round %d went wrong", g, i)
				}
			}
		})
	}
	all.Wait()
}
