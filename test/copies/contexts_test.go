package copies

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// abroad is the second cluster as the bed sees it, with a namespace of the same
// name.
func (b *bed) abroad() *bed {
	b.t.Helper()
	plane := otherPlane(b.t)
	far := &bed{testkit.Client(b.t, plane), b.t, plane, b.ns}
	for _, name := range []string{b.ns, spoke} {
		err := far.Create(b.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			b.t.Fatal(err)
		}
	}
	return far
}

func TestCopiesInAnotherCluster(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		far := b.abroad()
		name := b.ns // spoke is everybody's
		annotations := pairs{syncContexts: toOther + ", " + toSpoke, "note": "mine"}
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations, Labels: pairs{"app": "x"}}, data: pairs{"v": "1"}})
		got := far.holds(kind, b.ns, name, "1")
		if got.Labels["app"] != "x" || got.Labels[originCluster] != here || got.Labels[originName] != name || got.Annotations["note"] != "mine" || got.Annotations[syncContexts] != "" {
			t.Errorf("the copy is %+v", got)
		}
		far.holds(kind, spoke, name, "1")
		src = b.set(src, "v", "2")
		far.holds(kind, b.ns, name, "2")
		far.holds(kind, spoke, name, "2")
		b.untouched(src)

		src = b.annotate(src, syncContexts, toSpoke)
		far.gone(kind, b.ns, name)
		src = b.strip(src, syncContexts)
		far.gone(kind, spoke, name)
		src = b.annotate(src, syncContexts, toOther)
		far.holds(kind, b.ns, name, "2")
		b.untouched(src)
		b.remove(src)
		far.gone(kind, b.ns, name)
	})
}

func TestWhatIsNotOursInAnotherClusterIsLeftAlone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		far := b.abroad()
		name := b.ns
		theirs := far.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: pairs{"some": "thing"}}, data: pairs{"v": "theirs"}})
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: pairs{syncContexts: toOther + "," + toSpoke}}, data: pairs{"v": "1"}})
		b.event(src, "SyncFailed", "is there already")
		far.holds(kind, spoke, name, "1")
		src = b.set(src, "v", "2")
		far.holds(kind, spoke, name, "2")
		b.strip(src, syncContexts)
		far.gone(kind, spoke, name)
		far.untouched(theirs)
	})
}

// One context that cannot be served harms no other, nor the namespaces here.
func TestContextsThatCannotBeServed(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	far := b.abroad()
	one := b.namespace("one", b.team())
	annotations := b.syncing()
	annotations[syncContexts] = "nowhere," + toSpoke + "," + toSelf + "," + toDead
	src := b.make(object{kind: "Secret", ObjectMeta: metav1.ObjectMeta{Name: b.ns, Annotations: annotations}, data: pairs{"v": "1"}})
	far.holds("Secret", spoke, b.ns, "1")
	b.holds("Secret", one, b.ns, "1")
	b.event(src, "SyncFailed", `no context "nowhere"`, `"`+toSelf+`" leads to this very cluster`, `"`+toDead+`" does not answer`)
	b.untouched(src)
	src = b.annotate(src, syncContexts, toSelf)
	far.gone("Secret", spoke, b.ns)
	src = b.set(src, "v", "2")
	b.holds("Secret", one, b.ns, "2")
	b.untouched(src)
	b.remove(src)
	b.gone("Secret", one, b.ns)
}

// A namespace is never made for a copy.
func TestNamespacesAbroadAreNotMade(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	src := b.source("Secret", pairs{syncContexts: toOther})
	b.event(src, "SyncFailed", "namespace "+b.ns+" does not exist")
	far := b.abroad()
	far.holds("Secret", b.ns, "app", "1")
	b.remove(src)
	far.gone("Secret", b.ns, "app")
}
