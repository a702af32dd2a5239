package copies

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The annotations of kubernetes-reflector.
const (
	reflector         = "reflector.v1.k8s.emberstack.com/"
	allowed           = reflector + "reflection-allowed"
	allowedNamespaces = reflector + "reflection-allowed-namespaces"
	allowedSelector   = reflector + "reflection-allowed-namespaces-selector"
	auto              = reflector + "reflection-auto-enabled"
	autoNamespaces    = reflector + "reflection-auto-namespaces"
	autoSelector      = reflector + "reflection-auto-namespaces-selector"
	reflects          = reflector + "reflects"
	autoReflects      = reflector + "auto-reflects"
	reflectedVersion  = reflector + "reflected-version"
	reflectedAt       = reflector + "reflected-at"
)

// into are the annotations of a source that is copied to the namespaces which
// a list of patterns matches.
func into(patterns string) pairs {
	return pairs{allowed: "true", auto: "true", autoNamespaces: patterns}
}

func TestACopyIsMadeAndFollowsItsSource(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		typ := ""
		if kind == "Secret" {
			typ = "example.com/app"
		}
		annotations := into(b.ns + "-.*")
		annotations["note"] = "mine"
		src := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: annotations,
			Labels: pairs{"app": "x"}}, typ: typ, data: pairs{"v": "1", "more": "2"}})
		for _, ns := range []string{one, two} {
			got := b.holds(kind, ns, "app", "1")
			if got.data["more"] != "2" || got.typ != typ || len(got.Labels)+len(got.OwnerReferences)+len(got.Finalizers) > 0 {
				t.Errorf("the copy is %+v", got)
			}
			a := got.Annotations
			if a[reflects] != b.ns+"/app" || a[autoReflects] != "True" || a[reflectedVersion] != src.ResourceVersion || a[reflectedAt] == "" || len(a) != 4 {
				t.Errorf("the copy's annotations are %v", a)
			}
		}
		src = b.set(src, "v", "3")
		b.holds(kind, one, "app", "3")
		b.holds(kind, two, "app", "3")
		b.untouched(src)
	})
}

func TestBinaryDataStaysBinaryData(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", nil)
	raw := string([]byte{0, 0xff, 0xfe, 1})
	src := b.make(object{kind: "ConfigMap", ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: into(one)},
		data: pairs{"v": "1"}, binary: map[string][]byte{"raw": []byte(raw)}})
	got := b.holds("ConfigMap", one, "app", "1")
	if string(got.binary["raw"]) != raw || len(got.binary) != 1 || len(got.data) != 1 {
		t.Errorf("the copy holds %v and %v", got.data, got.binary)
	}
	// All text may go, and binary data change.
	b.patch(src, `{"data":null,"binaryData":{"raw":"/w==","v":"AA=="}}`)
	b.eventually(func() error {
		got := b.read("ConfigMap", one, "app")
		if len(got.data) == 0 && string(got.binary["raw"]) == "\xff" && string(got.binary["v"]) == "\x00" {
			return nil
		}
		return errorf("the copy holds %v and %v", got.data, got.binary)
	})
}

func TestPatternsMatchWholeNamesAsDotNetDoes(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	ns := map[string]string{}
	for _, suffix := range []string{"a", "ab", "b", "kube-x", "late"} {
		ns[suffix] = b.namespace(suffix, nil)
	}
	p := b.ns + "-"
	for name, c := range map[string]struct {
		patterns string
		want     []string
	}{
		"lookahead":   {p + "(?!kube-).*", []string{"a", "ab", "b", "late"}},
		"first-match": {p + "(a|ab)", []string{"a"}}, // the first match of the other is not the whole name
		"part":        {p + "a", []string{"a"}},
		"list":        {" " + p + "a , " + p + "b,", []string{"a", "b"}},
		"blank":       {" , ", nil},
	} {
		src := b.make(object{kind: "Secret", ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: into(c.patterns)}, data: pairs{"v": "1"}})
		for _, suffix := range c.want {
			b.holds("Secret", ns[suffix], name, "1")
		}
		if len(c.want) > 0 {
			b.pass(src, ns[c.want[0]])
		}
		copies := 0
		for _, where := range ns {
			if b.read("Secret", where, name) != nil {
				copies++
			}
		}
		if copies != len(c.want) {
			t.Errorf("%s: %q made %d copies, want them in %v", name, c.patterns, copies, c.want)
		}
	}
}

func TestNamespacesComeGoAndChangeTheirLabels(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", b.team())
		two := b.namespace("two", nil)
		src := b.source(kind, pairs{allowed: "true", auto: "true",
			allowedSelector: "team in (" + b.ns + ",nobody),!closed", autoSelector: "team=" + b.ns})
		b.holds(kind, one, "app", "1")
		b.absent(kind, two, "app")

		three := b.namespace("three", b.team())
		b.holds(kind, three, "app", "1")
		b.label(two, "team", b.ns)
		b.holds(kind, two, "app", "1")
		b.label(two, "closed", "yes") // not allowed any longer
		b.gone(kind, two, "app")
		b.label(one, "team", "") // allowed, and not asked for
		b.gone(kind, one, "app")
		b.holds(kind, three, "app", "1")

		// One that goes takes its copy along, and nobody complains.
		gone := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: three}}
		must(t, b.Delete(t.Context(), gone))
		b.eventually(func() error {
			if err := b.Get(t.Context(), client.ObjectKeyFromObject(gone), gone); !apierrors.IsNotFound(err) {
				return errorf("namespace %s: %v", three, err)
			}
			return nil
		})
		b.label(two, "closed", "")
		b.holds(kind, two, "app", "1")
		b.namespace("three", b.team())
		b.holds(kind, three, "app", "1")
		b.untouched(src)
		for _, e := range b.events(src) {
			if e.Type == corev1.EventTypeWarning {
				t.Errorf("there was a warning: %s", e.Message)
			}
		}
	})
}

func TestAutoNeedsAllowed(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one, two := b.namespace("one", nil), b.namespace("two", pairs{"also": b.ns})
	b.namespace("three", nil)
	src := b.source("Secret", pairs{auto: "true", autoNamespaces: b.ns + "-.*", allowedNamespaces: one, allowedSelector: "also=" + b.ns})
	src = b.annotate(src, allowed, "false")
	src = b.annotate(src, allowed, "True")
	b.holds("Secret", one, "app", "1") // by the list
	b.holds("Secret", two, "app", "1") // by the selector
	b.pass(src, one)
	b.absent("Secret", b.ns+"-three", "app")
}

func TestACopyThatSomebodyTouchedIsRepaired(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		src := b.source(kind, into(b.ns+"-.*"))
		b.holds(kind, one, "app", "1")
		other := b.holds(kind, two, "app", "1")
		b.remove(b.holds(kind, one, "app", "1"))
		copied := b.holds(kind, one, "app", "1")
		b.set(copied, "v", "edited")
		copied = b.holds(kind, one, "app", "1")
		b.set(copied, "extra", "1")
		b.eventually(func() error {
			if got := b.read(kind, one, "app"); len(got.data) != 1 {
				return errorf("the copy holds %v", got.data)
			}
			return nil
		})
		b.annotate(copied, reflectedVersion, "") // as people force it
		b.eventually(func() error {
			if got := b.read(kind, one, "app"); got.Annotations[reflectedVersion] == "" {
				return errorf("the copy has no version")
			}
			return nil
		})
		b.untouched(other)
		b.untouched(src)
	})
}

func TestNarrowingTakesBackCopiesAndNeverTheSource(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		src := b.source(kind, into(b.ns+".*")) // its own namespace among them
		b.holds(kind, one, "app", "1")
		b.holds(kind, two, "app", "1")
		src = b.annotate(src, autoNamespaces, one) // and no longer
		b.gone(kind, two, "app")
		b.untouched(src)
		b.holds(kind, one, "app", "1")
		src = b.annotate(src, allowedNamespaces, two)
		b.gone(kind, one, "app")
		src = b.annotate(src, allowedNamespaces, b.ns+".*")
		b.holds(kind, one, "app", "1")
		src = b.annotate(src, auto, "false")
		b.gone(kind, one, "app")
		src = b.annotate(src, auto, "true")
		b.holds(kind, one, "app", "1")
		src = b.strip(src, allowed)
		b.gone(kind, one, "app")
		b.untouched(src)
	})
}

func TestFollowersAreFilledWhereTheSourceAllows(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one, two := b.namespace("one", nil), b.namespace("two", nil)
		follow := func(ns, name string) *object {
			return b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: pairs{"keep": "me"},
				Annotations: pairs{reflects: b.ns + "/app", "keep": "me"}}, data: pairs{"v": "mine"}})
		}
		follow(one, "early")
		denied := follow(two, "early")
		src := b.source(kind, pairs{allowed: "true", allowedNamespaces: one})
		got := b.holds(kind, one, "early", "1")
		if got.Labels["keep"] != "me" || got.Annotations["keep"] != "me" || got.Annotations[autoReflects] != "False" || got.Annotations[reflectedVersion] == "" {
			t.Errorf("the follower is %+v", got)
		}
		late := follow(one, "late")
		b.holds(kind, one, "late", "1")
		src = b.set(src, "v", "2")
		b.holds(kind, one, "late", "2")
		b.holds(kind, one, "early", "2")
		b.annotate(b.set(late, "v", "changed"), reflectedVersion, "")
		b.eventually(func() error { // it may have been mended in between, and once more
			if late = b.read(kind, one, "late"); late.data["v"] != "2" || late.Annotations[reflectedVersion] == "" {
				return errorf("it holds %v and bears %v", late.data, late.Annotations)
			}
			return nil
		})
		b.absent(kind, one, "app") // nobody asked for it
		b.untouched(denied)

		// Nothing that its own maker made is ever deleted.
		src = b.annotate(src, allowedNamespaces, two)
		b.holds(kind, two, "early", "2")
		b.set(src, "v", "3")
		b.holds(kind, two, "early", "3")
		b.untouched(late)
		kept := b.read(kind, two, "early")
		b.remove(src)
		b.witness(kind)
		b.untouched(late)
		b.untouched(kept)
	})
}

// A follower's type is its maker's to choose: the data alone is the source's.
func TestAFollowerKeepsItsType(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", nil)
	src := b.make(object{kind: "Secret", typ: "example.com/source", ObjectMeta: metav1.ObjectMeta{Name: "app",
		Annotations: pairs{allowed: "true"}}, data: pairs{"v": "1"}})
	for name, typ := range map[string]string{"opaque": "Opaque", "other": "example.com/other"} {
		b.make(object{kind: "Secret", typ: typ, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: name,
			Annotations: pairs{reflects: b.ns + "/app"}}, data: pairs{"v": "mine"}})
		b.holds("Secret", one, name, "1")
	}
	src = b.set(src, "v", "passed")
	b.holds("Secret", one, "opaque", "passed")
	for name, typ := range map[string]string{"opaque": "Opaque", "other": "example.com/other"} {
		if got := b.holds("Secret", one, name, "passed"); got.typ != typ {
			t.Errorf("a follower of type %s has become %s", typ, got.typ)
		}
	}
	for _, e := range b.events(src) {
		if e.Type == corev1.EventTypeWarning {
			t.Errorf("there was a warning: %s", e.Message)
		}
	}
	// It stays as it is when nothing changes.
	was := b.read("Secret", one, "other")
	b.annotate(src, "note", "touched")
	b.witness("Secret")
	b.untouched(was)
}

func TestASourceThatGoesTakesItsCopiesAlong(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", nil)
		src := b.source(kind, into(one))
		follower := b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Namespace: one, Name: "mine", Annotations: pairs{reflects: b.ns + "/app"}}})
		b.holds(kind, one, "app", "1")
		follower = b.holds(kind, one, follower.Name, "1")
		b.remove(src)
		b.gone(kind, one, "app")
		b.untouched(follower)

		// Held by somebody's finalizer it goes later, and the copies at once.
		src = b.make(object{kind: kind, ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: into(one), Finalizers: []string{"example.com/hold"}}, data: pairs{"v": "2"}})
		b.holds(kind, one, "app", "2")
		b.holds(kind, one, follower.Name, "2")
		b.remove(src)
		b.gone(kind, one, "app")
		b.patch(src, `{"metadata":{"finalizers":null}}`)
		b.gone(kind, b.ns, "app")
		b.witness(kind)
		b.absent(kind, one, "app")
		b.holds(kind, one, follower.Name, "2")
	})
}

func TestACopyChangesItsTypeWithTheSource(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", nil)
	src := b.source("Secret", into(one))
	b.holds("Secret", one, "app", "1")
	b.remove(src)
	b.make(object{kind: "Secret", typ: "example.com/other", ObjectMeta: src.rename("app"), data: pairs{"v": "2"}})
	if got := b.holds("Secret", one, "app", "2"); got.typ != "example.com/other" {
		t.Errorf("the copy is of type %s", got.typ)
	}
}

func TestHelmReleasesArePassedOver(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", nil)
	src := b.make(object{kind: "Secret", typ: "helm.sh/release.v1", ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: into(one)}, data: pairs{"v": "1"}})
	b.event(src, "Reflected", "helm.sh/release.v1", "passed over")
	b.absent("Secret", one, "app")
}

func TestABadPatternHurtsItsOwnObjectAlone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		one := b.namespace("one", nil)
		src := b.source(kind, into(one))
		copied := b.holds(kind, one, "app", "1")
		for _, bad := range []struct{ key, value, why string }{
			{autoNamespaces, one + ",(", "malformed"},
			{autoNamespaces, `^([a-z0-9]+-?)+[!?]$`, "takes longer"},
			{autoNamespaces, "(a{99999}){99999}", "too often"},
			{autoSelector, "a in (", "malformed"},
			{allowedNamespaces, "[", "malformed"},
			{allowedSelector, "!!", "malformed"},
		} {
			before := src.Annotations[bad.key]
			src = b.annotate(src, bad.key, bad.value)
			b.event(src, "ReflectFailed", bad.key, bad.why)
			b.witness(kind)
			b.untouched(copied)
			src = b.annotate(src, bad.key, before)
		}
		b.set(src, "v", "2")
		b.holds(kind, one, "app", "2") // mended
	})
}

func TestAFollowerOfNothingIsTold(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, kind string) {
		b := withShared(t)
		o := b.source(kind, pairs{reflects: "no-namespace"})
		b.event(o, "ReflectFailed", reflects, "namespace/name")
		b.untouched(o)
	})
}

func TestAWarningReachesTheUserOnce(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	one := b.namespace("one", nil)
	src := b.source("Secret", into(one+",a{1,2}"))
	b.event(src, "Reflected", autoNamespaces, "comma")
	src = b.pass(src, one)
	b.remove(b.read("Secret", one, "app"))
	b.holds("Secret", one, "app", "passed")
	n := int32(0)
	for _, e := range b.events(src) {
		if e.Type == "Warning" && e.Reason == "Reflected" {
			n += e.Count
		}
	}
	if n != 1 {
		t.Errorf("the warning was told %d times", n)
	}
}
