package crd

import (
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	sealedv1alpha1 "github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
)

// TestSchemasAreCurrent compares the schemas with the types that they are
// made of: after a change of a type, run go generate ./api/...
func TestSchemasAreCurrent(t *testing.T) {
	t.Parallel()
	schemas := schemasByPlural(t)
	for plural, typ := range map[string]reflect.Type{
		"externalsecrets":     reflect.TypeFor[esv1.ExternalSecret](),
		"secretstores":        reflect.TypeFor[esv1.SecretStore](),
		"clustersecretstores": reflect.TypeFor[esv1.ClusterSecretStore](),
		"dopplersecrets":      reflect.TypeFor[dopplerv1alpha1.DopplerSecret](),
		sealedSecrets:         reflect.TypeFor[sealedv1alpha1.SealedSecret](),
	} {
		for _, part := range []string{"Spec", "Status"} {
			field, _ := typ.FieldByName(part)
			name, _ := jsonName(field)
			schema := schemas[plural].Properties[name]
			compare(t, plural+"."+name, &schema, field.Type)
		}
	}
}

// compare looks for every field of a type in its schema, and the other way
// round, so far as the type is ours.
func compare(t *testing.T, path string, s *apiextensionsv1.JSONSchemaProps, typ reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer:
		compare(t, path, s, typ.Elem())
		return
	case reflect.Slice:
		if s.Items != nil && s.Items.Schema != nil {
			compare(t, path+"[]", s.Items.Schema, typ.Elem())
		}
		return
	case reflect.Struct:
		if !strings.Contains(typ.PkgPath(), "/tacit/api/") {
			return
		}
	default:
		return
	}
	names := map[string]bool{}
	for i := range typ.NumField() {
		name, ok := jsonName(typ.Field(i))
		if !ok {
			continue
		}
		names[name] = true
		property, ok := s.Properties[name]
		if !ok {
			t.Errorf("%s.%s is not in the schema: run go generate ./api/...", path, name)
			continue
		}
		compare(t, path+"."+name, &property, typ.Field(i).Type)
	}
	for name := range s.Properties {
		if !names[name] {
			t.Errorf("%s.%s is in the schema alone: run go generate ./api/...", path, name)
		}
	}
}

func jsonName(f reflect.StructField) (name string, ok bool) {
	name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
	return name, name != "" && name != "-"
}
