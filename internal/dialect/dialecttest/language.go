package dialecttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Language returns the kinds of objects that m may be of, as they are
// configured for it.
type Language func(m Manifest) []Kind

// Kind is a kind of objects and what translates them.
type Kind struct {
	dialect.Kind
	// Translate returns a delivery.Delivery or a delivery.Store.
	Translate func(client.Object) (any, error)
}

// Deliveries is the Kind of objects that become a Delivery.
func Deliveries(d dialect.Deliveries) Kind {
	return Kind{d.Kind(), func(obj client.Object) (any, error) { return d.Translate(obj) }}
}

// Stores is the Kind of objects that describe a store.
func Stores(d dialect.Stores) Kind {
	return Kind{d.Kind(), func(obj client.Object) (any, error) { return d.Translate(obj) }}
}

// Plans translates each manifest in testdata, and compares the plan, or the
// error and what could be understood. What is refused says so in the name of
// its file.
func Plans(t *testing.T, language Language) {
	t.Helper()
	Golden(t, func(t testing.TB, m Manifest) string {
		kind, ok := language.of(t, m)
		if !ok {
			t.Fatal("the manifest is of another language")
		}
		plan, err := translate(t, kind, m)
		text := Failure(t, err)
		if kind.Annotated {
			text += plain(t, plan)
		} else {
			text += dump(plan)
		}
		// An annotation that is refused leaves the object one of many more.
		if refused := strings.Contains(t.Name(), "refused"); refused != (err != nil) && (refused || !kind.Annotated) {
			t.Errorf("refused by its name: %v; by its plan:\n%s", refused, text)
		}
		return text
	})
}

// Examples translates those of the manifests that people are told to apply, in
// the files below examples that match pattern, which are the language's. None
// is refused, and at least so many ask for something.
func Examples(t *testing.T, pattern string, least int, language Language) {
	t.Helper()
	asking := 0
	for _, file := range found(t, filepath.Join("../../../examples", pattern)) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(text), "\n---\n") {
			m := Manifest{Text: []byte(doc)}
			kind, ok := language.of(t, m)
			if !ok {
				continue
			}
			plan, err := translate(t, kind, m)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if d, ok := plan.(delivery.Delivery); !kind.Annotated || ok && d.Destination.Name != "" {
				asking++
			}
		}
	}
	if asking < least {
		t.Errorf("only %d of the examples are of this language", asking)
	}
}

// of is the kind that a manifest is of; ok is false if it is none of the
// language's.
func (l Language) of(t testing.TB, m Manifest) (kind Kind, ok bool) {
	t.Helper()
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(m.Text, &meta); err != nil {
		t.Fatal(err)
	}
	for _, k := range l(m) {
		if k.GVK.Kind == meta.Kind {
			return k, true
		}
	}
	return Kind{}, false
}

// translate reads and translates a manifest, and checks that its object stays
// as it is.
func translate(t testing.TB, kind Kind, m Manifest) (any, error) {
	t.Helper()
	obj, read := kind.New(), yaml.UnmarshalStrict
	if kind.Annotated {
		// As the cache has it: the metadata alone.
		read = yaml.Unmarshal
	}
	if err := read(m.Text, obj); err != nil {
		t.Fatal(err)
	}
	before := obj.DeepCopyObject()
	plan, err := kind.Translate(obj)
	if diff := cmp.Diff(before, obj); diff != "" {
		t.Errorf("Translate changed the object:\n%s", diff)
	}
	return plan, err
}
