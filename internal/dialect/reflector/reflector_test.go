package reflector

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

func TestWhoseAnObjectIs(t *testing.T) {
	t.Parallel()
	source := types.NamespacedName{Namespace: "a", Name: "s"}
	none := types.NamespacedName{}
	for name, c := range map[string]struct {
		annotations map[string]string
		owner       types.NamespacedName
	}{
		"bare":               {nil, none},
		"a source":           {map[string]string{allowed: "true", auto: "true"}, none},
		"a copy":             {map[string]string{reflects: "a/s", autoReflects: "True", reflectedVersion: "7"}, source},
		"its copy, renamed":  {map[string]string{reflects: "a/t", autoReflects: "True"}, none},
		"a follower":         {map[string]string{reflects: "a/s"}, source},
		"a follower, served": {map[string]string{reflects: " a/s ", autoReflects: "False"}, source},
		"no source":          {map[string]string{autoReflects: "True"}, none},
		"empty":              {map[string]string{reflects: "", autoReflects: "True"}, none},
		"no namespace":       {map[string]string{reflects: "s", autoReflects: "True"}, none},
		"too much":           {map[string]string{reflects: "a/b/c"}, none},
		"no name":            {map[string]string{reflects: "a/"}, none},
	} {
		meta := &metav1.ObjectMeta{Namespace: "b", Name: "s", Annotations: c.annotations}
		if owner, ok := New("Secret").OwnerOf(meta); owner != c.owner || ok != (c.owner != none) {
			t.Errorf("%s: the owner is %s, %v", name, owner, ok)
		}
	}
}

// Whatever a source asks for, its plan has what finds its copies again and
// tells followers from them: one that asks for nothing takes back by it.
func TestMarksTellTheirSource(t *testing.T) {
	t.Parallel()
	for name, annotations := range map[string]map[string]string{
		"auto":      {allowed: "true", auto: "true"},
		"nothing":   nil,
		"follower":  {reflects: "x/y"},
		"malformed": {reflects: "y"},
	} {
		l := New("ConfigMap")
		obj := l.Kind().New()
		obj.SetNamespace("a")
		obj.SetName("s")
		obj.SetAnnotations(annotations)
		plan, err := l.Translate(obj)
		if (err != nil) != (name == "malformed") {
			t.Errorf("%s: error %v", name, err)
		}
		d := plan.Destination
		want := types.NamespacedName{Namespace: "a", Name: "s"}
		for _, written := range []map[string]string{d.Marks.Annotations, d.Marks.Follow} {
			if owner, _ := l.OwnerOf(&metav1.ObjectMeta{Annotations: written}); owner != want {
				t.Errorf("%s: %v is %s's", name, written, owner)
			}
		}
		if d.Marks.Annotations[autoReflects] == d.Marks.Follow[autoReflects] || d.Marks.Annotations[d.Marks.Owner] != "a/s" {
			t.Errorf("%s: marks %+v", name, d.Marks)
		}
		if d.Kind != "ConfigMap" || d.Creation != delivery.Marked || d.Owner != plan.Object {
			t.Errorf("%s: destination %+v", name, d)
		}
	}
}

func TestEventsAndState(t *testing.T) {
	t.Parallel()
	dialecttest.Copies(t, New("Secret"), "Reflected", "ReflectFailed")
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
		if err != nil {
			dialecttest.CheckError(t, err, Prefix, delivery.Invalid)
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
