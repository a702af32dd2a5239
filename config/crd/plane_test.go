package crd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m, "config/crd")) }

// TestRealServer applies every manifest of the language's golden files to a
// real API server. What it admits reads back as it was applied, and decodes.
func TestRealServer(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, esv1.AddToScheme)
	files, err := filepath.Glob("../../internal/dialect/externalsecrets/testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	admitted := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		obj := manifestObject(t, archive.Files[0].Data)
		base := strings.TrimSuffix(filepath.Base(file), ".txtar")
		obj.SetName(base + "-" + namespace)
		if obj.GetKind() != esv1.ClusterSecretStoreKind {
			obj.SetNamespace(namespace)
		}
		applied := obj.DeepCopy()
		if err := c.Create(t.Context(), obj); err != nil {
			if !strings.Contains(base, "refused") {
				t.Errorf("%s is not admitted: %v", base, err)
			}
			continue
		}
		t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), obj) })
		admitted++
		if diff := cmp.Diff(applied.Object["spec"], obj.Object["spec"]); diff != "" {
			t.Errorf("%s reads back otherwise (-applied +read):\n%s", base, diff)
		}
		typed := empty(obj.GetKind())
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), typed); err != nil {
			t.Errorf("%s does not decode: %v", base, err)
		}
	}
	if admitted < 60 {
		t.Errorf("only %d of %d manifests were admitted", admitted, len(files))
	}

	var selected esv1.ExternalSecretList
	err = c.List(t.Context(), &selected, client.InNamespace(namespace), client.MatchingFields{
		"spec.secretStoreRef.name": "vault", "spec.refreshInterval": "15m", "spec.target.name": "other",
	})
	if err != nil || len(selected.Items) != 1 {
		t.Errorf("selected by fields: %d objects, error %v", len(selected.Items), err)
	}
	// The category comes last: kubectl looks anew for kinds that it does not
	// know, but not for categories.
	for _, word := range []struct{ name, column string }{
		{"es", "REFRESH INTERVAL"}, {"ss", "CAPABILITIES"}, {"css", "CAPABILITIES"}, {"external-secrets", "READY"},
	} {
		out, err := plane.Kubectl(t.Context(), "get", word.name, "--namespace", namespace).CombinedOutput()
		if err != nil || !strings.Contains(string(out), word.column) {
			t.Errorf("kubectl get %s: %v\n%s", word.name, err, out)
		}
	}
}

func empty(kind string) client.Object {
	switch kind {
	case esv1.SecretStoreKind:
		return &esv1.SecretStore{}
	case esv1.ClusterSecretStoreKind:
		return &esv1.ClusterSecretStore{}
	default:
		return &esv1.ExternalSecret{}
	}
}

// manifestObject is an object as a client sends it.
func manifestObject(t *testing.T, manifest []byte) *unstructured.Unstructured {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal(manifest, &m); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: numbers(t, m)}
}
