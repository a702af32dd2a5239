// Package original_test runs Tacit where External Secrets was installed
// before: on its definitions, whose API server fills in defaults and keeps
// less status than ours, and on the objects that it left.
package original_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/config/crd"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// The plane starts without definitions: the first test installs them.
func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// defaults are what the original's definitions fill in, by the path of the
// field; "*" stands for the entries of a list.
var defaults = map[string]map[string]string{
	"ExternalSecret": {
		"spec.refreshInterval":                                             `"1h0m0s"`,
		"spec.target":                                                      `{"creationPolicy":"Owner","deletionPolicy":"Retain"}`,
		"spec.target.creationPolicy":                                       `"Owner"`,
		"spec.target.deletionPolicy":                                       `"Retain"`,
		"spec.target.template.engineVersion":                               `"v2"`,
		"spec.target.template.mergePolicy":                                 `"Replace"`,
		"spec.target.template.templateFrom.*.target":                       `"Data"`,
		"spec.target.template.templateFrom.*.configMap.items.*.templateAs": `"Values"`,
		"spec.target.template.templateFrom.*.secret.items.*.templateAs":    `"Values"`,
		"spec.dataFrom.*.rewrite.*.merge.into":                             `""`,
		"spec.dataFrom.*.rewrite.*.merge.strategy":                         `"Extract"`,
		"spec.dataFrom.*.rewrite.*.merge.priorityPolicy":                   `"Strict"`,
		"spec.dataFrom.*.rewrite.*.merge.conflictPolicy":                   `"Error"`,
		"status.binding.name":                                              `""`,
	},
	"SecretStore": {
		"spec.provider.vault.version":              `"v2"`,
		"spec.provider.vault.auth.appRole.path":    `"approle"`,
		"spec.provider.kubernetes.remoteNamespace": `"default"`,
		"spec.provider.kubernetes.server.url":      `"kubernetes.default"`,
	},
}

// unknown are the fields of ours that the original's definitions prune.
var unknown = []string{"status.observedGeneration", "status.binding.resourceVersion", "status.conditions.*.observedGeneration"}

// definitions writes the definitions as the original has them, so far as they
// differ in what they do to an object.
func definitions(t *testing.T) string {
	t.Helper()
	all, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, def := range all {
		if def.Spec.Group != "external-secrets.io" {
			continue
		}
		schema := def.Spec.Versions[0].Schema.OpenAPIV3Schema
		for path, value := range defaults[strings.TrimPrefix(def.Spec.Names.Kind, "Cluster")] {
			at(t, schema, path, func(parent *apiextensionsv1.JSONSchemaProps, name string) {
				field := parent.Properties[name]
				field.Default = &apiextensionsv1.JSON{Raw: []byte(value)}
				parent.Properties[name] = field
			})
		}
		for _, path := range unknown {
			if def.Spec.Names.Kind != "ExternalSecret" && strings.Contains(path, "binding") {
				continue
			}
			at(t, schema, path, func(parent *apiextensionsv1.JSONSchemaProps, name string) { delete(parent.Properties, name) })
		}
		text, err := yaml.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, def.Name+".yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// at changes the parent of the field at path.
func at(t *testing.T, s *apiextensionsv1.JSONSchemaProps, path string, change func(parent *apiextensionsv1.JSONSchemaProps, name string)) {
	t.Helper()
	head, rest, more := strings.Cut(path, ".")
	if head == "*" {
		at(t, s.Items.Schema, rest, change)
		return
	}
	field, ok := s.Properties[head]
	if !ok {
		t.Fatalf("the definition has no field %s", path)
	}
	if !more {
		change(s, head)
		return
	}
	at(t, &field, rest, change)
	s.Properties[head] = field
}
