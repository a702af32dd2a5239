package copies

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What kubed reads and writes.
const (
	kubed           = "kubed.appscode.com/"
	syncTo          = kubed + "sync"
	syncContexts    = kubed + "sync-contexts"
	origin          = kubed + "origin"
	originName      = kubed + "origin.name"
	originNamespace = kubed + "origin.namespace"
	originCluster   = kubed + "origin.cluster"
)

// team selects the test's own namespaces.
func (b *bed) team() pairs { return pairs{"team": b.ns} }

func (b *bed) syncing() pairs { return pairs{syncTo: "team=" + b.ns} }

func TestKubedCopiesWithLabelsAndAnnotations(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", b.team())
		two := b.namespace("two", nil)
		annotations := b.syncing()
		annotations["note"] = "mine"
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "app", Labels: pairs{"app": "x", "tier": "y"}, Annotations: annotations}, data: pairs{"v": "1"}})
		got := b.holds(kind, one, "app", "1")
		want := pairs{"app": "x", "tier": "y", originName: "app", originNamespace: b.ns, originCluster: here}
		for k, v := range want {
			if got.Labels[k] != v {
				t.Errorf("label %s is %q, want %q", k, got.Labels[k], v)
			}
		}
		_, asks := got.Annotations[syncTo]
		if len(got.Labels) != len(want) || asks || got.Annotations["note"] != "mine" || len(got.Annotations) != 2 ||
			!strings.Contains(got.Annotations[origin], `"`+b.ns+`"`) {
			t.Errorf("the copy is %+v", got)
		}
		// What the source loses its copies lose.
		b.patch(src, `{"metadata":{"labels":{"tier":null},"annotations":{"note":null}}}`)
		b.eventually(func() error {
			got := b.read(kind, one, "app")
			if _, labelled := got.Labels["tier"]; labelled || got.Annotations["note"] != "" {
				return errorf("the copy is %+v", got)
			}
			return nil
		})
		src = b.pass(src, one)
		b.absent(kind, two, "app")

		b.label(two, "team", b.ns)
		b.holds(kind, two, "app", "passed")
		b.label(one, "team", "")
		b.gone(kind, one, "app")
		b.remove(b.read(kind, two, "app"))
		b.set(b.holds(kind, two, "app", "passed"), "v", "edited")
		b.holds(kind, two, "app", "passed")
		three := b.namespace("three", b.team())
		b.holds(kind, three, "app", "passed")
		b.untouched(src)
		b.strip(src, syncTo)
		b.gone(kind, two, "app")
		b.gone(kind, three, "app")
	})
}

func TestKubedDeletesWithTheSource(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", b.team())
		src := b.source(kind, b.syncing())
		b.holds(kind, one, "app", "1")
		b.remove(src)
		b.gone(kind, one, "app")
	})
}

func TestAllNamespacesAreRefusedUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"empty": "", "true": "true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := withShared(t)
			one := b.namespace("one", b.team())
			src := b.source("Secret", pairs{syncTo: value})
			b.event(src, "SyncFailed", "--kubed-all-namespaces")
			b.witness("Secret")
			b.absent("Secret", one, "app")
			// What was made before is left alone until it is asked for.
			src = b.annotate(src, syncTo, "team="+b.ns)
			copied := b.holds("Secret", one, "app", "1")
			src = b.annotate(src, syncTo, value)
			b.set(src, "v", "2")
			b.witness("Secret")
			b.untouched(copied)
		})
	}
}

func TestNamesOfAnyLengthAreCopied(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", b.team())
		long := strings.Repeat("long-name.", 25) + "x"
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: long, Annotations: b.syncing()}, data: pairs{"v": "1"}})
		b.holds(kind, one, long, "1")
		src = b.set(src, "v", "2")
		b.holds(kind, one, long, "2")
		b.remove(b.read(kind, one, long))
		b.holds(kind, one, long, "2")
		b.remove(src)
		b.gone(kind, one, long)
	})
}

// What somebody copied by hand, marks and all, is theirs.
func TestCopiesOfCopiesAreNotDeleted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, aside := b.namespace("one", b.team()), b.namespace("aside", nil)
		src := b.source(kind, b.syncing())
		copied := b.holds(kind, one, "app", "1")
		meta := copied.rename("app")
		meta.Namespace = aside
		byHand := b.make(object{kind: kind, ObjectMeta: meta, data: pairs{"v": "1"}}, client.FieldOwner("kubectl-create"))
		meta.Name = "renamed"
		renamed := b.make(object{kind: kind, ObjectMeta: meta, data: pairs{"v": "1"}})
		src = b.pass(src, one)
		b.untouched(byHand)
		b.untouched(renamed)
		b.remove(src)
		b.gone(kind, one, "app")
		b.witness(kind)
		b.untouched(byHand)
		b.untouched(renamed)
	})
}

func TestCopiesOfReflectorsCopiesAreNotDeleted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, aside := b.namespace("one", nil), b.namespace("aside", nil)
		src := b.source(kind, into(one))
		meta := b.holds(kind, one, "app", "1").rename("app")
		meta.Namespace = aside
		byHand := b.make(object{kind: kind, ObjectMeta: meta, data: pairs{"v": "1"}}, client.FieldOwner("kubectl-client-side-apply"))
		meta.Name = "renamed"
		renamed := b.make(object{kind: kind, ObjectMeta: meta, data: pairs{"v": "1"}})
		b.remove(b.pass(src, one))
		b.gone(kind, one, "app")
		b.witness(kind)
		b.untouched(byHand)
		b.untouched(renamed)
	})
}

func TestABadSelectorHurtsItsOwnObjectAlone(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", b.team())
	src := b.source("Secret", b.syncing())
	copied := b.holds("Secret", one, "app", "1")
	src = b.annotate(src, syncTo, "team in (")
	b.event(src, "SyncFailed", syncTo, "malformed")
	b.witness("Secret")
	b.untouched(copied)
	src = b.set(b.annotate(src, syncTo, "team="+b.ns), "v", "2")
	b.holds("Secret", one, "app", "2")
	b.untouched(src)
}
