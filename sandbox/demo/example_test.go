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

func TestTheOtherExampleIsWhatTheDemoCanShow(t *testing.T) {
	t.Parallel()
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	h, err := readHello(filepath.Join(root, "examples", "doppler"))
	if err != nil {
		t.Fatal(err)
	}
	if h.deployment.Annotations["secrets.doppler.com/reload"] != "true" {
		t.Error("the Deployment does not ask to be restarted")
	}
	if h.secret.Spec.ResyncSeconds != nil {
		t.Error("the demo says that the example leaves the minute as it is")
	}
	var uses bool
	for _, from := range h.deployment.Spec.Template.Spec.Containers[0].EnvFrom {
		uses = uses || from.SecretRef != nil && from.SecretRef.Name == h.target().Name
	}
	if !uses {
		t.Errorf("the Deployment does not use Secret %s", h.target().Name)
	}
}

func TestOnlyAddressAndTokenAreReplaced(t *testing.T) {
	t.Parallel()
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string][]field{
		"quickstart": (*example)(nil).fields("http://store.test:1", "a-token"),
		"doppler":    (*hello)(nil).fields("http://store.test:1", "a-token"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := func(dir string) manifests {
				t.Helper()
				all, err := readManifests(dir)
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			from, to := filepath.Join(root, "examples", name), filepath.Join(t.TempDir(), "out")
			all := read(from)
			replaced, err := all.adapt(to, fields...)
			if err != nil {
				t.Fatal(err)
			}
			if len(replaced) != 2 {
				t.Errorf("replaced %v, want the address and the token", replaced)
			}
			again := read(to)
			for i, m := range read(from).files {
				if again.files[i].name != m.name {
					t.Errorf("file %d is %s, want %s", i, again.files[i].name, m.name)
				}
				for j, obj := range m.objects {
					want := obj.DeepCopy()
					for _, f := range fields {
						if want.GetKind() == f.kind {
							set(t, want, f.value, f.path...)
						}
					}
					if got := again.files[i].objects[j]; !equality.Semantic.DeepEqual(got.Object, want.Object) {
						t.Errorf("%s: got %v, want %v", m.name, got.Object, want.Object)
					}
				}
			}
		})
	}
}

func set(t *testing.T, obj *unstructured.Unstructured, value string, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(obj.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}
