package crd

import (
	"bufio"
	"os"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestSize keeps the definitions small: those of the original's stores have
// 690 KB, which is more than some clients apply.
func TestSize(t *testing.T) {
	t.Parallel()
	docs, err := YAML()
	if err != nil || len(docs) < 3 {
		t.Fatalf("%d definitions, error %v", len(docs), err)
	}
	for _, doc := range docs {
		if len(doc) > 60_000 {
			t.Errorf("%d bytes in %.60q", len(doc), doc)
		}
	}
}

// TestEveryFieldOfTheOriginal looks for each field of External Secrets 2.9.0
// (testdata/fields.txt) in our schemas: one that were not there would be
// pruned away instead of refused. Below a field that preserves what it does
// not know, all are there.
func TestEveryFieldOfTheOriginal(t *testing.T) {
	t.Parallel()
	schemas := schemasByPlural(t)
	f, err := os.Open("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		plural, path, _ := strings.Cut(lines.Text(), " ")
		if !keeps(schemas[plural], path) {
			t.Errorf("%s: %s would be pruned", plural, path)
		}
	}
	if n < 300 {
		t.Errorf("only %d fields were looked for", n)
	}
}

// keeps reports whether a field at path survives.
func keeps(s *apiextensionsv1.JSONSchemaProps, path string) bool {
	for _, name := range strings.Split(path, ".") {
		if s == nil {
			return false
		}
		name, list := strings.CutSuffix(name, "[]")
		next, ok := s.Properties[name]
		switch {
		case ok:
		case s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields:
			return true
		default:
			return false
		}
		s = &next
		if list && s.Items != nil {
			s = s.Items.Schema
		}
	}
	return true
}

// TestNoDefaults keeps GitOps tools from seeing a difference between what
// they applied and what they read back. Languages whose originals fill in
// defaults do as they do; tests of their own compare them.
func TestNoDefaults(t *testing.T) {
	t.Parallel()
	for plural, schema := range schemasByPlural(t) {
		if plural == "dopplersecrets" || plural == "secretmirrors" {
			continue
		}
		walk(schema, plural, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			if s.Default != nil {
				t.Errorf("%s has the default %s", path, s.Default.Raw)
			}
		})
	}
}

func walk(s *apiextensionsv1.JSONSchemaProps, path string, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(path, s)
	for name, p := range s.Properties {
		walk(&p, path+"."+name, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(s.Items.Schema, path+"[]", visit)
	}
}

func schemasByPlural(t *testing.T) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	crds, err := All()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, crd := range crds {
		out[crd.Spec.Names.Plural] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return out
}
