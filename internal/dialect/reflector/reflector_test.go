package reflector

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func language(kind, _ string) Language { return New(kind) }

func TestWhoseAnObjectIs(t *testing.T) {
	t.Parallel()
	source := types.NamespacedName{Namespace: "a", Name: "s"}
	none := types.NamespacedName{}
	for name, c := range map[string]struct {
		annotations    map[string]string
		owner, follows types.NamespacedName
	}{
		"bare":                  {nil, none, none},
		"a source":              {map[string]string{allowed: "true", auto: "true"}, none, none},
		"a copy":                {map[string]string{reflects: "a/s", autoReflects: "True", reflectedVersion: "7"}, source, none},
		"a copy, in lower case": {map[string]string{reflects: "a/s", autoReflects: "true"}, source, none},
		"a follower":            {map[string]string{reflects: "a/s"}, none, source},
		"a follower, served":    {map[string]string{reflects: " a/s ", autoReflects: "False"}, none, source},
		"no source":             {map[string]string{autoReflects: "True"}, none, none},
		"empty":                 {map[string]string{reflects: "", autoReflects: "True"}, none, none},
		"malformed":             {map[string]string{reflects: "s", autoReflects: "True"}, none, none},
		"malformed, followed":   {map[string]string{reflects: "a/b/c"}, none, none},
	} {
		meta := &metav1.ObjectMeta{Namespace: "b", Name: "t", Annotations: c.annotations}
		l := New("Secret")
		if owner, ok := l.OwnerOf(meta); owner != c.owner || ok != (c.owner != none) {
			t.Errorf("%s: the owner is %s, %v", name, owner, ok)
		}
		if follows, ok := l.Follows(meta); follows != c.follows || ok != (c.follows != none) {
			t.Errorf("%s: follows %s, %v", name, follows, ok)
		}
	}
}

// What a plan writes must be known again as this source's.
func TestMarksTellTheirSource(t *testing.T) {
	t.Parallel()
	obj := New("ConfigMap").Kind().New()
	obj.SetNamespace("a")
	obj.SetName("s")
	obj.SetAnnotations(map[string]string{allowed: "true", auto: "true"})
	plan, err := New("ConfigMap").Translate(obj)
	if err != nil {
		t.Fatal(err)
	}
	m := plan.Destination.Marks
	want := types.NamespacedName{Namespace: "a", Name: "s"}
	if owner, _ := New("ConfigMap").OwnerOf(&metav1.ObjectMeta{Annotations: m.Annotations}); owner != want {
		t.Errorf("a copy is %s's", owner)
	}
	if owner, _ := New("ConfigMap").Follows(&metav1.ObjectMeta{Annotations: m.Follow}); owner != want {
		t.Errorf("a follower is %s's", owner)
	}
	if m.Annotations[m.Owner] != "a/s" {
		t.Errorf("the owner is written as %q", m.Annotations[m.Owner])
	}
}

func TestEventsAndState(t *testing.T) {
	t.Parallel()
	l, obj := New("Secret"), New("Secret").Kind().New()
	got := l.Report(obj, delivery.Outcome{
		Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Invalid, Message: "why"}, Change: delivery.Created, Written: 1, Places: 1,
	}, time.Unix(0, 0))
	want := []dialect.Event{
		{Reason: "Reflected", Message: "1 copies written; 1 in place"}, {Warning: true, Reason: "ReflectFailed", Message: "why"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if s := l.State(obj); s != (dialect.State{}) {
		t.Errorf("state = %+v", s)
	}
}

// FuzzTranslate: nothing that people write as annotations panics, an error
// names its annotation, and what is a copy or follower is never a source.
func FuzzTranslate(f *testing.F) {
	f.Add("true", "a,b-.*", "x=y", "true", ",", "", "", "")
	f.Add(" TRUE ", "(?!kube).{1,3}", "", "false", "", "x in (a", "ns/name", "True")
	f.Add("true", "", "", "1", " ", " ", "ns", "")
	f.Fuzz(func(t *testing.T, allow, list, sel, enabled, autoList, autoSel, of, by string) {
		obj := New("Secret").Kind().New()
		obj.SetNamespace("a")
		obj.SetName("s")
		obj.SetAnnotations(map[string]string{
			allowed: allow, allowedNamespaces: list, allowedSelector: sel, auto: enabled,
			autoNamespaces: autoList, autoSelector: autoSel, reflects: of, autoReflects: by,
		})
		plan, err := New("Secret").Translate(obj)
		var failure *delivery.Error
		if err != nil && (!errors.As(err, &failure) || failure.Kind != delivery.Invalid || !strings.HasPrefix(failure.Message, Prefix)) {
			t.Errorf("the error is %v", err)
		}
		d := plan.Destination
		if d.Name != "" && (err != nil || strings.TrimSpace(of) != "" || !truth(allow)) {
			t.Errorf("asks for copies: %+v", d)
		}
		if d.Name == "" {
			return
		}
		if (len(d.Spread.Into) > 0) != truth(enabled) || (d.Spread.Within == nil) != (list == "" && sel == "") || !d.Spread.Followers {
			t.Errorf("spread %+v", d.Spread)
		}
		for _, rule := range append(d.Spread.Into, d.Spread.Within...) {
			if !strings.HasPrefix(rule.Field, Prefix) {
				t.Errorf("a rule without a field: %+v", rule)
			}
		}
	})
}
