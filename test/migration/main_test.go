// Package migration holds the tests of taking over from External Secrets: on
// definitions as it installs them, and on objects as it leaves them.
package migration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/config/crd"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "migration-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all, err := crd.All()
	if err != nil {
		return 0, err
	}
	for _, definition := range all {
		if definition.Spec.Group == "external-secrets.io" {
			likeTheOriginal(definition.Spec.Versions[0].Schema.OpenAPIV3Schema)
		}
		out, err := yaml.Marshal(definition)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(dir, definition.Name+".yaml"), out, 0o600); err != nil {
			return 0, err
		}
	}
	return testkit.Main(m, dir), nil
}

// likeTheOriginal makes a schema what External Secrets 2.9 installs, where
// that matters: it has defaults, and lacks the fields that we add to a status,
// so that they are pruned.
func likeTheOriginal(schema *apiextensionsv1.JSONSchemaProps) {
	status := schema.Properties["status"]
	delete(status.Properties, "observedGeneration")
	delete(status.Properties["conditions"].Items.Schema.Properties, "observedGeneration")
	delete(status.Properties["binding"].Properties, "resourceVersion")

	spec := schema.Properties["spec"]
	target, isExternalSecret := spec.Properties["target"]
	if !isExternalSecret {
		return
	}
	withDefault(spec.Properties, "refreshInterval", `"1h0m0s"`)
	withDefault(target.Properties, "creationPolicy", `"Owner"`)
	withDefault(target.Properties, "deletionPolicy", `"Retain"`)
	target.Default = &apiextensionsv1.JSON{Raw: []byte(`{"creationPolicy":"Owner","deletionPolicy":"Retain"}`)}
	spec.Properties["target"] = target
}

func withDefault(properties map[string]apiextensionsv1.JSONSchemaProps, field, value string) {
	p := properties[field]
	p.Default = &apiextensionsv1.JSON{Raw: []byte(value)}
	properties[field] = p
}
