package dialecttest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// complaints stands in for a test and keeps what is said against it.
type complaints struct {
	testing.TB
	said []string
}

// fatal ends a test that is stood in for.
type fatal struct{}

func (*complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	panic(fatal{})
}

func TestCheckErrorWantsAFieldAndAKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		fine bool
	}{
		"a field":              {&delivery.Error{Kind: delivery.Invalid, Message: "spec.data[0].key: it is empty"}, true},
		"a quoted part":        {&delivery.Error{Kind: delivery.Invalid, Message: `spec.processors["a: \" b"].type: it is empty`}, true},
		"wrapped":              {fmt.Errorf("in vain: %w", &delivery.Error{Kind: delivery.Invalid, Message: "spec: why"}), true},
		"another kind":         {&delivery.Error{Kind: delivery.Conflict, Message: "spec: why"}, false},
		"another prefix":       {&delivery.Error{Kind: delivery.Invalid, Message: "status: why"}, false},
		"words for a field":    {&delivery.Error{Kind: delivery.Invalid, Message: "spec is wrong: why"}, false},
		"no reason":            {&delivery.Error{Kind: delivery.Invalid, Message: "spec.data: "}, false},
		"no error of a plan's": {errors.New("spec: why"), false},
	} {
		got := &complaints{TB: t}
		func() {
			defer func() {
				if e := recover(); e != nil && e != (fatal{}) {
					panic(e)
				}
			}()
			CheckError(got, c.err, "spec", delivery.Invalid)
		}()
		if (len(got.said) == 0) != c.fine {
			t.Errorf("%s: said %q", name, got.said)
		}
	}
}

func TestADumpTellsEveryLeaf(t *testing.T) {
	t.Parallel()
	type leaf struct{ Word string }
	plan := struct {
		Words  []string
		Leaves []leaf
		Bytes  []byte
		Map    map[string]string
		To     *leaf
		Any    any
		For    time.Duration
		At     time.Time
		Yes    bool
		Unset  *leaf
	}{
		[]string{"a", ""},
		[]leaf{{"a\n"}, {}},
		[]byte("x"),
		map[string]string{"b": "2", "a": "1"},
		&leaf{"w"},
		leaf{"v"},
		time.Minute,
		time.Unix(0, 5),
		true,
		nil,
	}
	const want = `Words[0] = "a"
Leaves[0].Word = "a\n"
Leaves[1] is empty
Bytes = "x"
Map["a"] = "1"
Map["b"] = "2"
To is set
To.Word = "w"
Any is a dialecttest.leaf
Any.Word = "v"
For = 1m0s
At = 1970-01-01T00:00:00.000000005Z
Yes = true
`
	if diff := cmp.Diff(want, dump(plan)); diff != "" {
		t.Errorf("in full (-want +got):\n%s", diff)
	}
	const wantPlain = `Map.a = 1
Map.b = 2
Word = x y
`
	got := plain(t, struct {
		Word, None string
		Map        map[string]string
		At         time.Time
	}{Word: "x y", Map: map[string]string{"b": "2", "a": "1"}})
	if diff := cmp.Diff(wantPlain, got); diff != "" {
		t.Errorf("plainly (-want +got):\n%s", diff)
	}
}
