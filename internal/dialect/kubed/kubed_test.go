package kubed

import (
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

var source = types.NamespacedName{Namespace: "demo", Name: "omni"}

// theirs are the marks that the original writes.
func theirs() *metav1.ObjectMeta {
	return &metav1.ObjectMeta{
		Namespace:   "other",
		Name:        "omni",
		Labels:      map[string]string{originName: "omni", originNamespace: "demo", originCluster: "prod", "app": "x"},
		Annotations: map[string]string{originKey: `{"namespace":"demo","name":"omni","uid":"2988e9d5","resourceVersion":"10598"}`},
	}
}

func TestWhoseACopyIs(t *testing.T) {
	t.Parallel()
	l := New("Secret", Options{Cluster: "prod"})
	if owner, ok := l.OwnerOf(theirs()); !ok || owner != source {
		t.Errorf("the original's copy is %s's, %v", owner, ok)
	}
	for name, change := range map[string]func(*metav1.ObjectMeta){
		"labels alone":         func(m *metav1.ObjectMeta) { m.Annotations = nil },
		"annotation alone":     func(m *metav1.ObjectMeta) { m.Labels = nil },
		"another name":         func(m *metav1.ObjectMeta) { m.Name = "mine" },
		"another source named": func(m *metav1.ObjectMeta) { m.Labels[originName] = "x" },
		"another namespace":    func(m *metav1.ObjectMeta) { m.Labels[originNamespace] = "x" },
		"another cluster's":    func(m *metav1.ObjectMeta) { m.Labels[originCluster] = "dev" },
		"no cluster":           func(m *metav1.ObjectMeta) { delete(m.Labels, originCluster) },
		"a ConfigMap's": func(m *metav1.ObjectMeta) {
			m.Annotations[originKey] = `{"kind":"ConfigMap","namespace":"demo","name":"omni"}`
		},
		"clusters disagree": func(m *metav1.ObjectMeta) {
			m.Annotations[originKey] = `{"namespace":"demo","name":"omni","cluster":"dev"}`
		},
		"no namespace": func(m *metav1.ObjectMeta) { m.Annotations[originKey] = `{"name":"omni"}` },
		"no object":    func(m *metav1.ObjectMeta) { m.Annotations[originKey] = `[` },
		"endless":      func(m *metav1.ObjectMeta) { m.Annotations[originKey] += strings.Repeat(" ", maxOrigin) },
	} {
		meta := theirs()
		change(meta)
		if owner, ok := l.OwnerOf(meta); ok {
			t.Errorf("%s: %s's", name, owner)
		}
	}
	nameless := theirs()
	nameless.Namespace, nameless.Name = "", ""
	if _, ok := l.OwnerOf(nameless); !ok {
		t.Error("marks alone, without a name to compare, are nobody's")
	}
}

// What a plan writes must be known again as this source's, whatever its name,
// and by no other cluster.
func TestMarksTellTheirSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source, cluster string
		labels          []string
	}{
		"short":            {"omni", "", []string{originName, originNamespace, originCluster}},
		"named cluster":    {"omni", "prod", []string{originName, originNamespace, originCluster}},
		"63 characters":    {strings.Repeat("a", 63), "prod", []string{originName, originNamespace, originCluster}},
		"64 characters":    {strings.Repeat("a", 64), "prod", []string{originNamespace, originCluster}},
		"253 characters":   {strings.Repeat("a", 253), "", []string{originNamespace, originCluster}},
		"no label's value": {"omni", "arn:aws:eks:prod", []string{originName, originNamespace}},
		"neither is":       {strings.Repeat("a", 64), "arn:aws:eks:prod", []string{originNamespace}},
	} {
		l := New("Secret", Options{AllNamespaces: true, Cluster: c.cluster})
		obj := l.Kind().New()
		obj.SetNamespace("demo")
		obj.SetName(c.source)
		obj.SetAnnotations(map[string]string{syncKey: ""})
		plan, err := l.Translate(obj)
		if err != nil {
			t.Fatal(err)
		}
		m := plan.Destination.Marks
		if len(m.Labels) != len(c.labels) {
			t.Errorf("%s: labels %v", name, m.Labels)
		}
		for _, key := range c.labels {
			if _, ok := m.Labels[key]; !ok {
				t.Errorf("%s: no label %s", name, key)
			}
		}
		meta := &metav1.ObjectMeta{Name: c.source, Labels: maps.Clone(m.Labels), Annotations: maps.Clone(m.Annotations)}
		if owner, ok := l.OwnerOf(meta); !ok || owner != (types.NamespacedName{Namespace: "demo", Name: c.source}) {
			t.Errorf("%s: the copy is %s's, %v", name, owner, ok)
		}
		if owner, ok := New("Secret", Options{Cluster: "elsewhere"}).OwnerOf(meta); ok {
			t.Errorf("%s: another cluster takes it for %s's", name, owner)
		}
	}
}

func TestEventsAndState(t *testing.T) {
	t.Parallel()
	dialecttest.Copies(t, New("Secret", Options{}), "Synced", "SyncFailed")
}

// FuzzTranslate: nothing that people write as annotations panics, an error
// names its annotation, and without consent nothing goes to all namespaces.
func FuzzTranslate(f *testing.F) {
	f.Add("", "", "demo", "omni")
	f.Add(" true ", "a,b", "demo", strings.Repeat("a", 64))
	f.Add("team in (a", ",,a ,a", "", "\x00")
	f.Add("", "", `{"namespace":"demo","name":"omni"}`, `"`)
	f.Fuzz(func(t *testing.T, sync, contexts, namespace, name string) {
		l := New("Secret", Options{Cluster: "prod"})
		obj := l.Kind().New()
		obj.SetNamespace(namespace)
		obj.SetName(name)
		obj.SetAnnotations(map[string]string{syncKey: sync, contextsKey: contexts})
		plan, err := l.Translate(obj)
		if err != nil {
			dialecttest.CheckError(t, err, Prefix, delivery.Invalid)
		}
		if err != nil && plan.Destination.Spread != nil || err == nil && plan.Destination.Spread == nil {
			t.Errorf("error %v beside %+v", err, plan.Destination)
		}
		if d := plan.Destination; d.Marks.Owner != originKey || d.Owner != plan.Object || (d.Name != "") != (err == nil && name != "") {
			t.Errorf("the plan does not tell its own copies: %+v", d)
		}
		if err != nil {
			return
		}
		for _, rule := range plan.Destination.Spread.Into {
			if len(rule.Regexes) > 0 || !rule.HasSelector || strings.TrimSpace(rule.Selector) == "" {
				t.Errorf("goes to all namespaces: %+v", rule)
			}
		}
		l.OwnerOf(&metav1.ObjectMeta{Labels: plan.Destination.Marks.Labels, Annotations: map[string]string{originKey: namespace}})
	})
}
