package tmpl

import (
	"math"
	"reflect"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// guard estimates, before a call, the steps and bytes that it will take
// beside what its arguments already cost. Functions whose result is at most a
// small multiple of their arguments need none.
type guard func(args []any) (steps, bytes float64, err error)

// str and num read an argument; the wrapper's type has already been checked
// by text/template.
func str(args []any, i int) string {
	if i >= len(args) {
		return ""
	}
	s, _ := args[i].(string)
	return s
}

func num(args []any, i int) float64 {
	if i >= len(args) {
		return 0
	}
	switch n := args[i].(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return 0
}

func count(args []any, i int) float64 {
	if i >= len(args) {
		return 0
	}
	switch v := reflect.ValueOf(args[i]); v.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return float64(v.Len())
	}
	return 1
}

func occurrences(s, of string) float64 { return float64(strings.Count(s, of)) }

func size(s string) float64 { return float64(len(s)) }

// element is what an element of a list of strings or numbers takes, entry
// what one of a map takes.
const (
	element = 24
	entry   = 128
)

// repeatTimes: the first argument says how many bytes, or elements of some
// size.
func repeatTimes(each float64) guard {
	return func(a []any) (float64, float64, error) {
		n := math.Abs(num(a, 0)) * each
		return n / 256, n, nil
	}
}

func guardRepeat(a []any) (float64, float64, error) {
	n := num(a, 0) * size(str(a, 1))
	return n / 256, n, nil
}

func guardStep(a []any) (float64, float64, error) {
	start, stop, step := num(a, 0), num(a, 1), num(a, 2)
	if step == 0 {
		return 0, 0, nil
	}
	n := max(0, (stop-start)/step+1)
	return n / 8, n * element, nil
}

func guardSeq(a []any) (float64, float64, error) {
	switch len(a) {
	case 1:
		return guardStep([]any{1, a[0], sign(num(a, 0) - 1)})
	case 2:
		return guardStep([]any{a[0], a[1], sign(num(a, 1) - num(a, 0))})
	case 3:
		return guardStep([]any{a[0], a[2], a[1]})
	}
	return 0, 0, nil
}

func sign(f float64) int {
	if f < 0 {
		return -1
	}
	return 1
}

func guardIndent(a []any) (float64, float64, error) {
	s := str(a, 1)
	n := num(a, 0)*(1+occurrences(s, "\n")) + size(s)
	return n / 256, n, nil
}

func guardReplace(a []any) (float64, float64, error) {
	old, with, s := str(a, 0), str(a, 1), str(a, 2)
	n := occurrences(s, old)*size(with) + size(s)
	return n / 256, n, nil
}

func guardJoin(a []any) (float64, float64, error) {
	n := count(a, 1) * size(str(a, 0))
	return n / 256, n, nil
}

// guardSplit is for functions that cut their last argument at their first.
func guardSplit(each float64) guard {
	return func(a []any) (float64, float64, error) {
		n := (occurrences(str(a, len(a)-1), str(a, 0)) + 1) * each
		return n / 256, n, nil
	}
}

func guardWrap(a []any) (float64, float64, error) {
	sep, s := "\n", str(a, len(a)-1)
	if len(a) == 3 {
		sep = str(a, 1)
	}
	n := (size(s)/max(1, num(a, 0))+1)*size(sep) + size(s)
	return n / 256, n, nil
}

// guardTrim: trimming walks the set for each rune of the text.
func guardTrim(a []any) (float64, float64, error) {
	set, s := str(a, 0), str(a, 1)
	if len(set) < 64 || ascii(set) {
		return 0, 0, nil
	}
	return size(set) * size(s) / 1024, 0, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// guardUniq is for functions that compare each element with each other.
func guardUniq(a []any) (float64, float64, error) {
	n := count(a, 0)
	return n * n / 16, 0, nil
}

// guardWithout is for functions that compare each element with each further
// argument.
func guardWithout(a []any) (float64, float64, error) {
	return count(a, 0) * float64(max(1, len(a)-1)) / 16, 0, nil
}

func guardChunk(a []any) (float64, float64, error) {
	if num(a, 0) < 1 {
		return 0, 0, plain("the size of a chunk must be at least 1")
	}
	return 0, count(a, 1) * element, nil
}

const (
	maxPattern = 4096   // bytes of a regular expression
	maxProgram = 20_000 // instructions of a compiled one
)

// guardRegex: matching takes the product of program and text.
func guardRegex(growth func(a []any) float64) guard {
	return func(a []any) (float64, float64, error) {
		insts, err := program(str(a, 0))
		if err != nil {
			return 0, 0, err
		}
		text := size(str(a, 1))
		return insts * (text + 1) / 256, growth(a), nil
	}
}

func program(pattern string) (float64, error) {
	if len(pattern) > maxPattern {
		return 0, limit("takes a regular expression of more than %d bytes", maxPattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		// The pattern may be a value: what is wrong with it is not told.
		return 0, plain("this is no valid regular expression")
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return 0, limit("takes a regular expression of more than %d instructions", maxProgram)
	}
	return float64(len(prog.Inst)), nil
}

func growNothing([]any) float64 { return 0 }

func growPieces(a []any) float64 { return (size(str(a, 1)) + 1) * element }

func growReplaced(a []any) float64 {
	text, with := size(str(a, 1)), str(a, 2)
	return (text+1)*size(with) + text*occurrences(with, "$") + text
}

// guardPrintf adds up the widths and precisions of the format, and counts
// every argument for every verb, which may name any of them.
func guardPrintf(a []any) (float64, float64, error) {
	format := str(a, 0)
	width, verbs, n := 0.0, 0.0, 0.0
	for i := range len(format) {
		switch c := format[i]; {
		case c >= '0' && c <= '9':
			n = n*10 + float64(c-'0')
			continue
		case c == '%':
			verbs++
		case c == '*':
			width += 1e6 // the most that fmt takes
		}
		width += min(n, 1e6)
		n = 0
	}
	args := 0.0
	for _, x := range a[1:] {
		if s, ok := x.(string); ok {
			args += size(s)
		} else {
			m := meter{maxNodes: DefaultNodes, maxDepth: DefaultDepth}
			_ = m.add(x, 0) // was measured before: it cannot fail
			args += float64(m.bytes + 32*m.nodes)
		}
	}
	bytes := width + verbs*args*4 + size(format)
	return bytes / 1024, bytes, nil
}

// guardJSON: an empty list takes two bytes as JSON, and 40 in memory.
func guardJSON(a []any) (float64, float64, error) {
	n := size(str(a, 0))
	return n / 256, n * 16, nil
}

// guardYAML: a list of aliases to one long string is short in YAML and long
// in what it stands for.
func guardYAML(a []any) (float64, float64, error) {
	s := str(a, 0)
	return size(s) / 64, YAMLSize(s), nil
}

// YAMLSize estimates, on the high side, the memory that a YAML document takes
// while it is read, aliases unfolded.
func YAMLSize(s string) float64 {
	const perByte = 24
	if !strings.Contains(s, "&") {
		return size(s) * perByte
	}
	aliases := 0.0
	for i := range len(s) - 1 {
		if s[i+1] == '*' && strings.IndexByte(" \t\n[{,:-", s[i]) >= 0 {
			aliases++
		}
	}
	return size(s)*perByte + aliases*size(s)
}
