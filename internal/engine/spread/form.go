package spread

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"

	"github.com/dlclark/regexp2"
	dotnet "github.com/dlclark/regexp2/syntax"
	"k8s.io/apimachinery/pkg/labels"
)

// grammar is what a pattern is written in.
type grammar string

const (
	grammarRE2      grammar = "regular expression"
	grammarDotNet   grammar = ".NET regular expression"
	grammarSelector grammar = "label selector"
)

func (g grammar) bound() int {
	if g == grammarSelector {
		return MaxSelector
	}
	return MaxPattern
}

// form is a pattern or selector, compiled, or why it cannot be.
type form struct {
	whole    string // a .NET pattern without any operator: the name itself
	re2      *regexp.Regexp
	dotnet   *regexp2.Regexp
	selector labels.Selector
	why      string
	// slow is set to the name that a match took too long for. From then on the
	// pattern admits nothing, and costs nothing.
	slow atomic.Pointer[string]
}

func compile(g grammar, expr string) *form {
	if len(expr) > g.bound() {
		return &form{why: fmt.Sprintf("has %d bytes, more than the %d that are matched", len(expr), g.bound())}
	}
	switch g {
	case grammarRE2:
		return compileRE2(expr)
	case grammarDotNet:
		return compileDotNet(expr)
	default:
		return compileSelector(expr)
	}
}

// maxProgram bounds the weight of an RE2 pattern: the library itself would
// make a program of many megabytes out of a short one with nested counts.
const maxProgram = 1 << 14

func compileRE2(expr string) *form {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		why := "is malformed"
		var e *syntax.Error
		if errors.As(err, &e) {
			why += ": " + e.Code.String()
		}
		return &form{why: why}
	}
	if weigh(tree) > maxProgram {
		return &form{why: "repeats too much; use smaller counts"}
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return &form{why: "is malformed"}
	}
	return &form{re2: re}
}

// weigh counts the parts of the pattern after its counts are written out. The
// parser has bounded its depth.
func weigh(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		n += weigh(sub)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return min(n, maxProgram+1)
}

// operators are the characters that mean something in a .NET pattern.
const operators = `\*+?|{}[]()^$.# `

func compileDotNet(expr string) (f *form) {
	if !strings.ContainsAny(expr, operators) {
		return &form{whole: expr}
	}
	if sprawls(expr) {
		return &form{why: "has too many groups or repeats them too often; split it, or use smaller counts"}
	}
	defer func() {
		// The engine is somebody else's and the pattern anybody's: a flaw in
		// the one must not let the other stop the operator.
		if recover() != nil {
			f = &form{why: "cannot be compiled"}
		}
	}()
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		why := "is malformed"
		var e *dotnet.Error
		if errors.As(err, &e) && !strings.Contains(e.Code.String(), "%") {
			why += ": " + e.Code.String()
		}
		return &form{why: why}
	}
	re.MatchTimeout = MatchTime
	return &form{dotnet: re}
}

func compileSelector(expr string) *form {
	sel, err := labels.Parse(expr)
	if err != nil {
		return &form{why: `is malformed; write it as in "env=production,team in (a, b)"`}
	}
	return &form{selector: sel}
}

// fault says why the form admits nothing; empty if it may admit.
func (f *form) fault() string {
	if name := f.slow.Load(); name != nil {
		return fmt.Sprintf("takes longer than %s to match namespace %q; write it without nested repetitions", MatchTime, *name)
	}
	return f.why
}

func (f *form) selects(set labels.Set) bool { return f.selector != nil && f.selector.Matches(set) }

func (f *form) matches(name string) bool {
	switch {
	case f.re2 != nil:
		return f.re2.MatchString(name)
	case f.dotnet != nil:
		return f.slow.Load() == nil && f.first(name)
	default:
		return f.why == "" && f.whole == name
	}
}

// tries is how often in a row a match must exceed its time before the pattern
// is blamed: the machine may have stood still meanwhile.
const tries = 3

// first reports that the first match of a .NET pattern is the whole name.
func (f *form) first(name string) bool {
	for range tries {
		if ok, err := match(f.dotnet, name); err == nil {
			return ok
		}
	}
	f.slow.Store(&name)
	return false
}

var errFlaw = errors.New("the engine failed")

func match(re *regexp2.Regexp, name string) (ok bool, err error) {
	defer func() {
		// As in compileDotNet.
		if recover() != nil {
			ok, err = false, errFlaw
		}
	}()
	// A copy keeps none of the memory that the match took: the engine hoards it
	// where it came from, and it can be a thousand times the pattern's own.
	once := *re
	found, err := once.FindStringMatch(name)
	if err != nil || found == nil {
		return false, err
	}
	return found.String() == name, nil
}
