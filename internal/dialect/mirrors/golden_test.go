package mirrors

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

var update = flag.Bool("update", false, "write the plans of the golden files anew")

// options let credentials come from one namespace beside the object's own.
var options = Options{CredentialNamespaces: []string{"vault-logins"}}

// TestGolden translates each manifest in testdata and compares the plan, or
// what could be understood of it and the error.
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
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 {
		t.Fatal("no manifest")
	}
	got := translated(t, archive.Files[0].Data)
	if refused := strings.Contains(file, "refused"); refused != strings.HasPrefix(got, "error") {
		t.Errorf("by its name it is refused: %v\n%s", refused, got)
	}
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

// TestExamples translates the manifests that people are told to apply.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../examples/mirrors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	read := 0
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(manifest), "\n---\n") {
			var meta metav1.TypeMeta
			if err := yaml.Unmarshal([]byte(doc), &meta); err != nil {
				t.Fatal(err)
			}
			if meta.Kind != v1alpha2.SecretMirrorKind {
				continue
			}
			read++
			if plan := translated(t, []byte(doc)); strings.HasPrefix(plan, "error") {
				t.Errorf("%s: %s", file, plan)
			}
		}
	}
	if read < 5 {
		t.Errorf("only %d SecretMirrors are among the examples", read)
	}
}

// translated is the text of what a manifest is translated to.
func translated(t *testing.T, manifest []byte) string {
	t.Helper()
	sm := &v1alpha2.SecretMirror{}
	if err := yaml.UnmarshalStrict(manifest, sm); err != nil {
		t.Fatal(err)
	}
	before := sm.DeepCopy()
	plan, err := SecretMirrors(options).Translate(sm)
	if diff := cmp.Diff(before, sm); diff != "" {
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
	dump(&b, "", reflect.ValueOf(plan))
	return b.String()
}

// dump writes what is set in v, a line a leaf, in a stable order.
func dump(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		fmt.Fprintf(b, "%s = %s\n", path, x)
		return
	case time.Time:
		fmt.Fprintf(b, "%s = %s\n", path, x.UTC().Format(time.RFC3339Nano))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fmt.Fprintf(b, "%s is set\n", path)
		dump(b, path, v.Elem())
	case reflect.Interface:
		fmt.Fprintf(b, "%s is a %s\n", path, v.Elem().Type())
		dump(b, path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			dump(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			at := fmt.Sprintf("%s[%d]", path, i)
			if v.Index(i).IsZero() {
				fmt.Fprintf(b, "%s is empty\n", at)
			}
			dump(b, at, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			fmt.Fprintf(b, "%s[%q] = %q\n", path, k.String(), v.MapIndex(k).String())
		}
	case reflect.String:
		fmt.Fprintf(b, "%s = %q\n", path, v.String())
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
	}
}
