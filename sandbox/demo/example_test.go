package main

import (
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func quickstart(t *testing.T) *example {
	t.Helper()
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	e, err := readExample(filepath.Join(root, "examples", "quickstart"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestQuickstartIsWhatTheDemoCanShow(t *testing.T) {
	t.Parallel()
	e := quickstart(t)
	key, properties, err := e.remote()
	if err != nil {
		t.Fatal(err)
	}
	if key == "" || !slices.Contains(properties, "password") {
		t.Errorf("it reads %v of %q", properties, key)
	}
	if e.secret.Spec.RefreshInterval == "" {
		t.Error("without a refreshInterval the demo waits for an hour")
	}
}

func TestOnlyAddressAndTokenAreReplaced(t *testing.T) {
	t.Parallel()
	e, dir := quickstart(t), filepath.Join(t.TempDir(), "out")
	replaced, err := e.adapt(dir, "http://vault.test:1", "a-token")
	if err != nil {
		t.Fatal(err)
	}
	if len(replaced) != 2 {
		t.Errorf("replaced %v, want the address and the token", replaced)
	}
	again, err := readExample(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.namespace() + "/" + again.target(); got != e.namespace()+"/"+e.target() {
		t.Errorf("the Secret is %s now", got)
	}
	for i, m := range quickstart(t).manifests {
		if again.manifests[i].name != m.name {
			t.Errorf("file %d is %s, want %s", i, again.manifests[i].name, m.name)
		}
		for j, obj := range m.objects {
			want := obj.DeepCopy()
			switch want.GetKind() {
			case "SecretStore":
				set(t, want, "http://vault.test:1", "spec", "provider", "vault", "server")
			case "Secret":
				set(t, want, "a-token", "stringData", "token")
			}
			if got := again.manifests[i].objects[j]; !equality.Semantic.DeepEqual(got.Object, want.Object) {
				t.Errorf("%s: got %v, want %v", m.name, got.Object, want.Object)
			}
		}
	}
}

func set(t *testing.T, obj *unstructured.Unstructured, value string, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(obj.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}
