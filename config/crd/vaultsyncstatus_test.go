package crd

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestVaultSyncStatusIsTheOriginals: its names, columns and fields, and no
// status subresource, without which the original could not write.
func TestVaultSyncStatusIsTheOriginals(t *testing.T) {
	t.Parallel()
	crds, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		if crd.Spec.Group != "stable.example.com" {
			continue
		}
		want := apiextensionsv1.CustomResourceDefinitionNames{
			Kind: "VaultSyncStatus", ListKind: "VaultSyncStatusList",
			Plural: "vaultsyncstatus", Singular: "vaultsyncstatus", ShortNames: []string{"vss"},
		}
		if diff := cmp.Diff(want, crd.Spec.Names); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		v := crd.Spec.Versions[0]
		var columns []string
		for _, c := range v.AdditionalPrinterColumns {
			columns = append(columns, c.Name+" "+c.JSONPath)
		}
		wantColumns := []string{
			"Deployment_Name .spec.deployName", "Deployment_Namespace .spec.deployNamespace",
			"Secret_Engine .spec.secretEngine", "Secret_Path .spec.secretPath", "Sync_Status .status.vault_sync.SyncStatus",
		}
		if diff := cmp.Diff(wantColumns, columns); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
		if v.Subresources != nil && v.Subresources.Status != nil {
			t.Error("there is a status subresource")
		}
		for _, path := range []string{"status.kopf.progress", "status.vault_sync.anything"} {
			if !keeps(v.Schema.OpenAPIV3Schema, path) {
				t.Errorf("%s would be pruned", path)
			}
		}
		spec := v.Schema.OpenAPIV3Schema.Properties["spec"]
		compareAll(t, "spec", &spec, reflect.TypeFor[vssv1.VaultSyncStatusSpec]())
		return
	}
	t.Error("there is no definition of VaultSyncStatus")
}

// compareAll compares a flat schema of strings with its type.
func compareAll(t *testing.T, path string, s *apiextensionsv1.JSONSchemaProps, typ reflect.Type) {
	t.Helper()
	for i := range typ.NumField() {
		name, _ := jsonName(typ.Field(i))
		if s.Properties[name].Type != "string" {
			t.Errorf("%s.%s is no string in the schema: run go generate ./api/...", path, name)
		}
	}
	if typ.NumField() != len(s.Properties) {
		t.Errorf("%s has %d fields and %d properties: run go generate ./api/...", path, typ.NumField(), len(s.Properties))
	}
}

// TestVaultSyncStatusOnARealServer applies the manifests of the language's
// golden files. All are admitted, so that what is wrong with one is said in its
// status; they read back as they were applied, and decode.
func TestVaultSyncStatusOnARealServer(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, vssv1.AddToScheme)
	files, err := filepath.Glob("../../internal/dialect/vaultsyncstatus/testdata/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		obj := manifestObject(t, archive.Files[0].Data)
		obj.SetNamespace(namespace)
		obj.SetName(name)
		obj.SetFinalizers(nil)
		admitted(t, c, name, obj)
	}
	// What the original's framework may have left in a status.
	odd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "stable.example.com/v1", "kind": "VaultSyncStatus",
		"spec":   map[string]any{"deployName": "app"},
		"status": map[string]any{"kopf": map[string]any{"progress": map[string]any{}}, "vault_sync": map[string]any{"SyncStatus": "Synced", "more": []any{int64(1)}}},
	}}
	odd.SetNamespace(namespace)
	odd.SetName("odd")
	admitted(t, c, "odd", odd)
	out, err := plane.Kubectl(t.Context(), "get", "vss", "--namespace", namespace).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SYNC_STATUS") || !strings.Contains(string(out), "Already in Sync") {
		t.Errorf("kubectl get vss: %v\n%s", err, out)
	}
}

// admitted creates the object and reads it back.
func admitted(t *testing.T, c client.Client, name string, obj *unstructured.Unstructured) {
	t.Helper()
	applied := obj.DeepCopy()
	if err := c.Create(t.Context(), obj); err != nil {
		t.Errorf("%s is not admitted: %v", name, err)
		return
	}
	for _, part := range []string{"spec", "status"} {
		if diff := cmp.Diff(applied.Object[part], obj.Object[part]); diff != "" {
			t.Errorf("%s reads back otherwise in its %s (-applied +read):\n%s", name, part, diff)
		}
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), &vssv1.VaultSyncStatus{}); err != nil {
		t.Errorf("%s does not decode: %v", name, err)
	}
}
