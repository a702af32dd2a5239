package copies

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// The tests here have the shared plane to themselves, for an operator of their
// own that serves all of it: none runs in parallel with anything.

func lists(c testkit.Call) bool {
	return c.Method == http.MethodGet && !c.Watches() &&
		slices.ContainsFunc([]string{"/secrets", "/configmaps", "/namespaces"}, func(s string) bool { return strings.HasSuffix(c.Path, s) })
}

// writes leaves out what tells of others, and the question what it may.
func writes(c testkit.Call) bool {
	return c.Writes() && !c.On("events") && !c.On("selfsubjectaccessreviews")
}

func TestWhatRequestsACopyCosts(t *testing.T) {
	b := newBed(t, testkit.SharedPlane(t))
	one, two := b.namespace("one", b.team()), b.namespace("two", b.team())
	tap := &testkit.Tap{}
	throughTap := func(o *operator.Options) { o.Config = tap.Config(o.Config) }
	stop := b.operate(throughTap)
	var sources, copies []*object
	for name, l := range languages {
		for _, kind := range kinds {
			sources = append(sources, b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: l.ask(b)}, data: pairs{"v": "1"}}))
		}
	}
	everywhere := func(value string, namespaces ...string) {
		copies = nil
		for _, src := range sources {
			for _, ns := range namespaces {
				copies = append(copies, b.holds(src.kind, ns, src.Name, value))
			}
		}
	}
	everywhere("1", one, two)
	tap.Reset()

	// A change of the source is one read of it, and one write a copy.
	for _, src := range sources {
		b.set(src, "v", "2")
	}
	everywhere("2", one, two)
	for _, src := range sources {
		if n := len(tap.Which(func(c testkit.Call) bool { return c.Method == http.MethodGet && read(c, src.kind, b.ns, src.Name) })); n != 1 {
			t.Errorf("%s %s was read %d times", src.kind, src.Name, n)
		}
	}
	if n := len(tap.Which(writes)); n != len(copies) {
		t.Errorf("%d copies cost %d writes: %v", len(copies), n, tap.Which(writes))
	}
	// A namespace that comes, changes or goes is one write a copy too.
	tap.Reset()
	three := b.namespace("three", b.team())
	everywhere("2", one, two, three)
	b.label(three, "another", "label")
	b.label(three, "team", "")
	for _, src := range sources {
		b.gone(src.kind, three, src.Name)
	}
	if n := len(tap.Which(writes)); n != 2*len(sources) {
		t.Errorf("%d copies that came and went cost %d writes: %v", len(sources), n, tap.Which(writes))
	}
	if all := tap.Which(lists); len(all) > 0 {
		t.Errorf("LISTs were made: %v", all)
	}
	everywhere("2", one, two)

	// After a restart each copy is compared, and none written.
	stop()
	tap.Reset()
	b.operate(throughTap)
	b.eventually(func() error {
		for _, o := range append(slices.Clone(copies), sources...) {
			if len(tap.Which(func(c testkit.Call) bool { return c.Succeeded() && read(c, o.kind, o.Namespace, o.Name) })) == 0 {
				return fmt.Errorf("%s %s/%s was not looked at yet", o.kind, o.Namespace, o.Name)
			}
		}
		return nil
	})
	b.untouched(copies[0])
	for _, src := range sources {
		b.set(src, "v", "3") // served after the run that the start began
	}
	everywhere("3", one, two)
	if n := len(tap.Which(writes)); n != len(copies) {
		t.Errorf("a start and a change of %d copies cost %d writes: %v", len(copies), n, tap.Which(writes))
	}
	// At the start everything is listed once, and never again.
	if all := tap.Which(lists); len(all) > 3 {
		t.Errorf("LISTs were made: %v", all)
	}
}

func read(c testkit.Call, kind, namespace, name string) bool {
	return c.Path == "/api/v1/namespaces/"+namespace+"/"+strings.ToLower(kind)+"s/"+name
}

// fates are objects of one language and kind, by what happens to them while
// the operator is down.
type fates struct {
	*bed
	l    language
	kind string

	deleted, stopped, narrowed, unlabelled, changed, edited, missed *object
	// follower of deleted, of reflector alone; kubed's go abroad too.
	follower *object
}

func (f *fates) all() []*object {
	return []*object{f.deleted, f.stopped, f.narrowed, f.unlabelled, f.changed, f.edited, f.missed}
}

func (f *fates) abroad() []*object {
	if f.follower != nil {
		return nil
	}
	return []*object{f.deleted, f.stopped, f.changed}
}

// newFates makes them, with a follower in namespace one.
func newFates(b *bed, name, kind, one string) *fates {
	f := &fates{bed: b, l: languages[name], kind: kind}
	for fate, at := range map[string]**object{"deleted": &f.deleted, "stopped": &f.stopped, "narrowed": &f.narrowed,
		"unlabelled": &f.unlabelled, "changed": &f.changed, "edited": &f.edited, "missed": &f.missed} {
		*at = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name + "-" + fate, Annotations: f.l.ask(b)}, data: pairs{"v": "1"}})
	}
	if name == "reflector" {
		f.follower = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "follower",
			Annotations: pairs{reflects: b.ns + "/" + f.deleted.Name}}})
	}
	for _, o := range f.abroad() {
		b.annotate(o, syncContexts, toOther)
	}
	return f
}

// served waits until everything is where it should be.
func (f *fates) served(far *bed, namespaces ...string) {
	f.t.Helper()
	for _, o := range f.all() {
		for _, ns := range namespaces {
			f.holds(f.kind, ns, o.Name, "1")
		}
	}
	for _, o := range f.abroad() {
		far.holds(f.kind, f.ns, o.Name, "1")
	}
	if f.follower != nil {
		f.follower = f.holds(f.kind, f.follower.Namespace, f.follower.Name, "1")
	}
}

// happen lets them meet their fates; narrowed is from now on for namespace
// three.
func (f *fates) happen(one, three string) {
	f.t.Helper()
	f.remove(f.deleted)
	for _, key := range []string{allowed, syncTo, syncContexts} {
		f.strip(f.stopped, key)
	}
	if f.follower != nil {
		f.annotate(f.narrowed, autoNamespaces, three)
		f.strip(f.narrowed, autoSelector)
	} else {
		f.annotate(f.narrowed, syncTo, "kubernetes.io/metadata.name="+three)
	}
	f.set(f.changed, "v", "2")
	f.set(f.read(f.kind, one, f.edited.Name), "v", "edited")
	f.remove(f.read(f.kind, one, f.missed.Name))
}

// mended waits until all of that was made up for.
func (f *fates) mended(far *bed, one, two, three string) {
	f.t.Helper()
	for _, o := range []*object{f.deleted, f.stopped, f.narrowed} {
		f.gone(f.kind, one, o.Name)
	}
	for _, o := range f.all() {
		f.gone(f.kind, two, o.Name)
	}
	f.holds(f.kind, one, f.changed.Name, "2")
	f.holds(f.kind, three, f.changed.Name, "2")
	f.holds(f.kind, three, f.narrowed.Name, "1")
	f.holds(f.kind, one, f.edited.Name, "1")
	f.holds(f.kind, one, f.missed.Name, "1")
	f.absent(f.kind, three, f.deleted.Name)
	if f.follower != nil {
		f.untouched(f.follower)
		return
	}
	far.holds(f.kind, f.ns, f.changed.Name, "2")
	far.gone(f.kind, f.ns, f.stopped.Name)
	// Whose source is not there may be another cluster's of this name.
	far.holds(f.kind, f.ns, f.deleted.Name, "1")
}

func TestWhatHappensWhileTheOperatorIsDown(t *testing.T) {
	b := newBed(t, testkit.SharedPlane(t))
	far := b.abroad()
	one, two := b.namespace("one", b.team()), b.namespace("two", b.team())
	config := func(o *operator.Options) { o.ClustersKubeconfig = kubeconfig(t, t.TempDir(), b.plane, far.plane) }
	stop := b.operate(config)
	var all []*fates
	for name := range languages {
		for _, kind := range kinds {
			all = append(all, newFates(b, name, kind, one))
		}
	}
	for _, f := range all {
		f.served(far, one, two)
	}
	stop()
	three := b.namespace("three", b.team())
	b.label(two, "team", "")
	for _, f := range all {
		f.happen(one, three)
	}
	b.operate(config)
	for _, f := range all {
		f.mended(far, one, two, three)
	}
}
