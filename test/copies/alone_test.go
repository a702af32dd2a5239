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

func writes(c testkit.Call) bool { return c.Writes() && !strings.HasSuffix(c.Path, "/events") && !c.On("events") }

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

func TestWhatHappensWhileTheOperatorIsDown(t *testing.T) {
	b := newBed(t, testkit.SharedPlane(t))
	far := b.abroad()
	one, two := b.namespace("one", b.team()), b.namespace("two", b.team())
	config := func(o *operator.Options) { o.ClustersKubeconfig = kubeconfig(t, t.TempDir(), b.plane, far.plane) }
	stop := b.operate(config)
	type set struct {
		l                                                               language
		kind, prefix                                                    string
		deleted, stopped, narrowed, unlabelled, changed, edited, missed *object
		follower                                                        *object
	}
	var sets []*set
	for name, l := range languages {
		for _, kind := range kinds {
			s := &set{l: l, kind: kind, prefix: name + "-"}
			for _, o := range []struct {
				name string
				at   **object
			}{{"deleted", &s.deleted}, {"stopped", &s.stopped}, {"narrowed", &s.narrowed}, {"unlabelled", &s.unlabelled},
				{"changed", &s.changed}, {"edited", &s.edited}, {"missed", &s.missed}} {
				*o.at = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: s.prefix + o.name, Annotations: l.ask(b)}, data: pairs{"v": "1"}})
			}
			if name == "reflector" {
				s.follower = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "follower", Annotations: pairs{reflects: b.ns + "/" + s.deleted.Name}}})
			} else {
				for _, o := range []*object{s.changed, s.stopped, s.deleted} {
					b.annotate(o, syncContexts, toOther)
				}
			}
			sets = append(sets, s)
		}
	}
	for _, s := range sets {
		for _, o := range []*object{s.deleted, s.stopped, s.narrowed, s.unlabelled, s.changed, s.edited, s.missed} {
			b.holds(s.kind, one, o.Name, "1")
			b.holds(s.kind, two, o.Name, "1")
		}
		if s.follower != nil {
			s.follower = b.holds(s.kind, one, "follower", "1")
		} else {
			for _, o := range []*object{s.changed, s.stopped, s.deleted} {
				far.holds(s.kind, b.ns, o.Name, "1")
			}
		}
	}
	stop()

	three := b.namespace("three", b.team())
	b.label(two, "team", "")
	for _, s := range sets {
		b.remove(s.deleted)
		for _, key := range []string{allowed, syncTo, syncContexts} {
			b.strip(s.stopped, key)
		}
		if s.follower != nil {
			b.annotate(s.narrowed, autoNamespaces, three)
			b.strip(s.narrowed, autoSelector)
		} else {
			b.annotate(s.narrowed, syncTo, "kubernetes.io/metadata.name="+three)
		}
		b.set(s.changed, "v", "2")
		b.set(b.read(s.kind, one, s.edited.Name), "v", "edited")
		b.remove(b.read(s.kind, one, s.missed.Name))
	}

	b.operate(config)
	for _, s := range sets {
		for _, o := range []*object{s.deleted, s.stopped, s.narrowed} {
			b.gone(s.kind, one, o.Name)
		}
		for _, o := range []*object{s.deleted, s.stopped, s.narrowed, s.unlabelled, s.changed, s.edited, s.missed} {
			b.gone(s.kind, two, o.Name)
		}
		b.holds(s.kind, one, s.changed.Name, "2")
		b.holds(s.kind, three, s.changed.Name, "2")
		b.holds(s.kind, three, s.narrowed.Name, "1")
		b.holds(s.kind, one, s.edited.Name, "1")
		b.holds(s.kind, one, s.missed.Name, "1")
		b.absent(s.kind, three, s.deleted.Name)
		if s.follower != nil {
			b.untouched(s.follower)
		} else {
			far.holds(s.kind, b.ns, s.changed.Name, "2")
			far.gone(s.kind, b.ns, s.stopped.Name)
			// Whose source is not there may be another cluster's of this name.
			far.holds(s.kind, b.ns, s.deleted.Name, "1")
		}
	}
}
