package objects

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func listed(namespace, name, version string) *metav1.PartialObjectMetadata {
	obj := Partial(Secret)
	obj.Namespace, obj.Name, obj.ResourceVersion = namespace, name, version
	obj.Labels = map[string]string{"dropped": "yes"}
	return obj
}

func TestTheWatchOfSecretsTellsChangesAndGaps(t *testing.T) {
	t.Parallel()
	s := New(Options{Kind: Secret, Namespaces: []string{"a", "b"}})
	var told []string
	s.OnChange(func(obj client.Object) {
		told = append(told, obj.GetNamespace()+"/"+obj.GetName()+"@"+obj.GetResourceVersion())
	})
	expect := func(what string, want ...string) {
		t.Helper()
		slices.Sort(told)
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", what, told, want)
		}
		told = nil
	}
	a, b := &store{Watch: s, namespace: "a"}, &store{Watch: s, namespace: "b"}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(a.Replace([]any{listed("a", "x", "1"), listed("a", "y", "2")}, ""))
	select {
	case <-s.synced:
		t.Error("synced after one of two namespaces")
	default:
	}
	do(b.Replace([]any{listed("b", "x", "3")}, ""))
	<-s.synced
	expect("the first lists")

	do(a.Update(listed("a", "x", "4")))
	do(a.Delete(listed("a", "y", "5")))
	expect("events", "a/x@4", "a/y@5")

	// After a gap: x unchanged, z new, and of b's objects nothing is said.
	do(a.Replace([]any{listed("a", "x", "4"), listed("a", "z", "6")}, ""))
	expect("a list with a new object", "a/z@6")
	do(a.Replace([]any{listed("a", "x", "7")}, ""))
	expect("a list after a change and a deletion", "a/x@7", "a/z@6")

	if got := s.Get("a", "x"); got == nil || got.ResourceVersion != "7" || got.Labels != nil {
		t.Errorf("a/x = %v", got)
	}
	if s.Get("a", "z") != nil || s.Get("b", "x") == nil {
		t.Error("the wrong objects are known")
	}
}

func TestTheWatchOfSecretsKeepsWhatAWriteMustKnow(t *testing.T) {
	t.Parallel()
	s := New(Options{Kind: Secret, Namespaces: nil})
	yes := true
	obj := listed("a", "x", "1")
	obj.Finalizers = []string{"example.com/hold"}
	obj.OwnerReferences = []metav1.OwnerReference{{Kind: "Pod", Name: "p"}, {APIVersion: "v1", Kind: "Node", Name: "n", UID: "u", Controller: &yes}}
	if err := (&store{Watch: s}).Add(obj); err != nil {
		t.Fatal(err)
	}
	got := s.Get("a", "x")
	if c := metav1.GetControllerOf(got); c == nil || c.Name != "n" || c.UID != "u" {
		t.Errorf("controller = %v", c)
	}
	if !slices.Equal(got.Finalizers, obj.Finalizers) {
		t.Errorf("finalizers = %v", got.Finalizers)
	}
}

func TestTheWatchOfSecretsSaysWhatItDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	s := New(Options{Kind: Secret, Namespaces: []string{"a", "b"}})
	a := &store{Watch: s, namespace: "a"}
	if err := a.Replace(nil, "9"); err != nil {
		t.Fatal(err)
	}
	a.UpdateResourceVersion("10")
	for version, behind := range map[string]bool{"9": false, "10": false, "11": true, "100": true, "0": false, "": false} {
		if got := s.Behind("a", version); got != behind {
			t.Errorf("at 10, behind %q: %v", version, got)
		}
	}
	if all := New(Options{Kind: Secret}); all.Behind("a", "1") {
		t.Error("behind before the first list, when nothing is known of anything")
	}
	all := New(Options{Kind: Secret})
	(&store{Watch: all}).UpdateResourceVersion("10")
	if all.Behind("a", "10") || !all.Behind("a", "11") {
		t.Error("a watch of all namespaces is asked for one")
	}
}
