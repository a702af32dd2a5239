package reflector

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

var update = flag.Bool("update", false, "write the plans of the golden files anew")

// TestGolden translates each object in testdata and compares the plan, or the
// error and what could be understood.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil || len(archive.Files) == 0 {
		t.Fatalf("no object: %v", err)
	}
	got := translated(t, archive.Files[0])
	if *update {
		archive.Files = append(archive.Files[:1], txtar.File{Name: "plan", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(archive.Files) != 2 {
		t.Fatal("no plan: run go test with -update, and read what it wrote")
	}
	if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

// TestExamples translates what people are told to apply.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../examples/reflector/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	sources := 0
	for _, file := range files {
		manifests, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(manifests), "\n---\n") {
			obj := parse(t, []byte(doc))
			if obj.Kind != "Secret" && obj.Kind != "ConfigMap" {
				continue
			}
			plan, err := language(obj.Kind, "").Translate(obj)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if plan.Destination.Name != "" {
				sources++
			}
		}
	}
	if sources == 0 {
		t.Error("no example asks for a copy")
	}
}

// parse reads an object as the cache has it: its metadata alone.
func parse(t *testing.T, manifest []byte) *metav1.PartialObjectMetadata {
	t.Helper()
	obj := &metav1.PartialObjectMetadata{}
	if err := yaml.Unmarshal(manifest, obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

// translated is the text of what an object is translated to.
func translated(t *testing.T, object txtar.File) string {
	t.Helper()
	obj := parse(t, object.Data)
	before := obj.DeepCopy()
	plan, err := language(obj.Kind, object.Name).Translate(obj)
	if diff := cmp.Diff(before, obj); diff != "" {
		t.Errorf("Translate changed the object:\n%s", diff)
	}
	var b strings.Builder
	if err != nil {
		var failure *delivery.Error
		if !errors.As(err, &failure) {
			t.Fatalf("the error is a %T, not a *delivery.Error", err)
		}
		fmt.Fprintf(&b, "error %s: %s\n", failure.Kind, failure.Message)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	dump(&b, "", v)
	return b.String()
}

// dump writes what is set in v, a line a leaf, in a stable order.
func dump(b *strings.Builder, path string, v any) {
	switch x := v.(type) {
	case nil:
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			dump(b, strings.TrimPrefix(path+"."+k, "."), x[k])
		}
	case []any:
		for i, e := range x {
			dump(b, fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		if !reflect.ValueOf(v).IsZero() && v != "0001-01-01T00:00:00Z" {
			fmt.Fprintf(b, "%s = %v\n", path, v)
		}
	}
}
