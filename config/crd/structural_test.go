package crd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// served is a schema as the API server applies it.
type served struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

func serve(t *testing.T, plural string) served {
	t.Helper()
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(schemasByPlural(t)[plural], internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(internal)
	if err != nil {
		t.Fatal(err)
	}
	if errs := structuralschema.ValidateStructural(nil, structural); len(errs) > 0 {
		t.Fatal(errs)
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	if err != nil {
		t.Fatal(err)
	}
	return served{structural, validator}
}

// admit prunes and defaults an object as the API server does, and returns
// what is wrong with it.
func (s served) admit(obj map[string]any) error {
	pruning.Prune(obj, s.structural, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(obj, s.structural)
	defaulting.Default(obj, s.structural)
	return validation.ValidateCustomResource(nil, obj, s.validator).ToAggregate()
}

// manifests use what is easily lost: fields that are not served, words that
// are empty, sub-objects with nothing in them.
var manifests = map[string]string{
	"externalsecrets": `
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app, namespace: team}
spec:
  target:
    manifest: {apiVersion: v1, kind: ConfigMap}
    template:
      metadata: {}
      templateFrom:
      - configMap: {name: c, items: [{key: k}]}
  syncWindows:
    kind: deny
    windows: [{schedule: "0 22 * * *", duration: 8h}]
  data:
  - secretKey: a
    remoteRef: {key: b, conversionStrategy: "", decodingStrategy: "", metadataPolicy: "", nullBytePolicy: ""}
  dataFrom:
  - extract: {key: b}
    rewrite: [{merge: {}}]
    sourceRef:
      generatorRef: {kind: Password, name: pw}
`,
	"secretstores": `
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store, namespace: team}
spec:
  refreshInterval: 300
  provider:
    vault:
      server: http://vault
      auth:
        ldap: {path: ldap, username: me, secretRef: {name: a, key: b}}
`,
	"clustersecretstores": `
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: store}
spec:
  refreshInterval: 5m
  provider:
    aws: {service: SecretsManager, region: eu-central-1, auth: {jwt: {serviceAccountRef: {name: a}}}}
  conditions: [{namespaceSelector: {}}, {}]
`,
}

// TestReadsBackUnchanged applies manifests and reads them back, through the
// schema and through the types.
func TestReadsBackUnchanged(t *testing.T) {
	t.Parallel()
	objects := map[string]any{
		"externalsecrets":     &esv1.ExternalSecret{},
		"secretstores":        &esv1.SecretStore{},
		"clustersecretstores": &esv1.ClusterSecretStore{},
	}
	for plural, manifest := range manifests {
		t.Run(plural, func(t *testing.T) {
			t.Parallel()
			var want, got, typed map[string]any
			if err := yaml.Unmarshal([]byte(manifest), &want); err != nil {
				t.Fatal(err)
			}
			got = runtime.DeepCopyJSON(numbers(t, want))
			if err := serve(t, plural).admit(got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(numbers(t, want), got); diff != "" {
				t.Errorf("reads back otherwise (-applied +read):\n%s", diff)
			}
			if err := yaml.UnmarshalStrict([]byte(manifest), objects[plural]); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(objects[plural])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &typed); err != nil {
				t.Fatal(err)
			}
			for _, provider := range []string{"aws", "vault"} {
				w, g := in(want, "spec", "provider", provider), in(typed, "spec", "provider", provider)
				if diff := cmp.Diff(w, g); diff != "" {
					t.Errorf("the type loses parts of provider %s (-applied +typed):\n%s", provider, diff)
				}
			}
		})
	}
}

// TestWhatIsAdmittedDecodes is about values that a schema lets through and a
// naive type would choke on. One such object would stop the watch of its
// kind, for everybody.
func TestWhatIsAdmittedDecodes(t *testing.T) {
	t.Parallel()
	const provider = `provider: {fake: {data: [], validationResult: 9007199254740991}}`
	for name, c := range map[string]struct {
		plural, spec string
		into         any
	}{
		"a word for a duration": {"externalsecrets", `{refreshInterval: soon}`, &esv1.ExternalSecret{}},
		"a word for a window":   {"externalsecrets", `{syncWindows: {kind: deny, windows: [{schedule: "@daily", duration: long}]}}`, &esv1.ExternalSecret{}},
		"a huge number":         {"secretstores", `{refreshInterval: 99999999999999, ` + provider + `}`, &esv1.SecretStore{}},
		"a word for a number":   {"secretstores", `{refreshInterval: soon, ` + provider + `}`, &esv1.SecretStore{}},
		"many retries":          {"secretstores", `{retrySettings: {maxRetries: 9007199254740991}, ` + provider + `}`, &esv1.SecretStore{}},
		"short base64":          {"secretstores", `{provider: {vault: {server: x, caBundle: "LS0="}}}`, &esv1.SecretStore{}},
		"a provider in a word":  {"secretstores", `{provider: {aws: word}}`, &esv1.SecretStore{}},
		"a method in a list":    {"secretstores", `{provider: {vault: {server: x, auth: {iam: [1]}}}}`, &esv1.SecretStore{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var obj map[string]any
			if err := yaml.Unmarshal([]byte("metadata: {name: a}\nspec: "+c.spec), &obj); err != nil {
				t.Fatal(err)
			}
			obj = numbers(t, obj)
			if err := serve(t, c.plural).admit(obj); err != nil {
				t.Fatalf("it is not admitted, so this case shows nothing: %v", err)
			}
			b, err := json.Marshal(obj)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, c.into); err != nil {
				t.Errorf("it is admitted and does not decode: %v", err)
			}
		})
	}
}

// TestExamples admits the manifests that people are told to apply.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	plurals := map[string]string{
		"ExternalSecret": "externalsecrets", "SecretStore": "secretstores", "ClusterSecretStore": "clustersecretstores",
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(b), "\n---\n") {
			var want map[string]any
			if err := yaml.UnmarshalStrict([]byte(doc), &want); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			plural, ours := plurals[want["kind"].(string)]
			if !ours {
				continue
			}
			got := runtime.DeepCopyJSON(numbers(t, want))
			if err := serve(t, plural).admit(got); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if diff := cmp.Diff(numbers(t, want), got); diff != "" {
				t.Errorf("%s reads back otherwise (-applied +read):\n%s", file, diff)
			}
		}
	}
}

// numbers turns whole numbers into int64, as the API server holds them.
func numbers(t *testing.T, obj map[string]any) map[string]any {
	t.Helper()
	b, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	u := map[string]any{}
	if err := yaml.Unmarshal(b, &u); err != nil {
		t.Fatal(err)
	}
	return whole(u).(map[string]any)
}

func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

func in(obj any, path ...string) any {
	for _, name := range path {
		m, ok := obj.(map[string]any)
		if !ok {
			return nil
		}
		obj = m[name]
	}
	return obj
}
