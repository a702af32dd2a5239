package mirrors_test

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// in puts a manifest into another namespace.
func in(namespace, manifest string) string {
	return strings.Replace(manifest, "metadata: {", "metadata: {namespace: "+namespace+", ", 1)
}

// A copy of a copy may go further, but not back to where it came from: there it
// would bring the source back as often as somebody deletes it.
func TestACircleBringsNoSourceBack(t *testing.T) {
	b := newBed(t)
	one, two := b.Namespace("one"), b.Namespace("two")
	source := b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^"+one+"$"))
	b.Has(one, "app", "password", "first")
	b.Apply(in(one, mirrortest.Copies("app", "", "^"+two+"$")))
	b.Has(two, "app", "password", "first")
	b.Apply(in(two, mirrortest.Copies("app", "", "^"+b.NS+"$", "^"+one+"$")))
	last := b
	bed := *b.Bed
	bed.NS = two
	last.Bed = &bed
	sm := last.Active("app", b.NS+"/app", one+"/app", "gets no copy, for the source is a copy of it")
	b.Untouched(source)

	b.Set(b.NS, "app", "password", "second")
	b.Has(two, "app", "password", "second")
	b.Remove(b.Copy(b.NS, "app"))
	b.Says("app", "Pending", "NoSecret")
	// The last of them looks again, and makes nothing.
	last.Change(sm, func() { sm.Spec.PollPeriodSeconds = 77 })
	last.Active("app", "gets no copy")
	if b.Copy(b.NS, "app") != nil {
		t.Error("the source is there again")
	}
	// A new one is served.
	b.Make(b.NS, "app", "password", "third")
	b.Has(two, "app", "password", "third")
}
