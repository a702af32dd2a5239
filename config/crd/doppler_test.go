package crd

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

const dopplerSecrets = "dopplersecrets"

// TestDopplerDefaults compares with what the original's definition fills in:
// objects read back the same under both.
func TestDopplerDefaults(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	schema := schemasByPlural(t)[dopplerSecrets]
	walk(schema, "", func(path string, s *apiextensionsv1.JSONSchemaProps) {
		if s.Default != nil {
			got[strings.TrimPrefix(path, ".")] = string(s.Default.Raw)
		}
	})
	// walk does not look below maps.
	processor := schema.Properties["spec"].Properties["processors"].AdditionalProperties.Schema
	got["spec.processors.*.type"] = string(processor.Properties["type"].Default.Raw)
	want := map[string]string{
		"spec.host": `"https://api.doppler.com"`, "spec.managedSecret.type": `"Opaque"`, "spec.processors": `{}`,
		"spec.processors.*.type": `"plain"`, "spec.resyncSeconds": `60`, "spec.verifyTLS": `true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-the original's +ours):\n%s", diff)
	}
}

// TestDopplerAdmitsAndDecodes is about objects that the original's definition
// lets through: ours does too, and they decode.
func TestDopplerAdmitsAndDecodes(t *testing.T) {
	t.Parallel()
	const token = `tokenSecret: {name: a}`
	for name, text := range map[string]string{
		"no spec":               `{}`,
		"no managed Secret":     `spec: {` + token + `}`,
		"names of any kind":     `spec: {tokenSecret: {name: "A B"}, managedSecret: {name: "", namespace: "x/y"}}`,
		"huge numbers":          `spec: {` + token + `, resyncSeconds: 9007199254740991, expirationSeconds: -9007199254740991}`,
		"numbers with a dot":    `spec: {` + token + `, resyncSeconds: 1e3, expirationSeconds: 600.0}`,
		"nulls":                 `spec: {` + token + `, processors: null, verifyTLS: null, resyncSeconds: null, secrets: null}`,
		"a host in a word":      `spec: {` + token + `, host: word}`,
		"a processor of little": `spec: {` + token + `, processors: {A: {}}}`,
		"an unknown field":      `spec: {` + token + `, unknown: {a: 1}}`,
		"the original's status": `{spec: {` + token + `}, status: {conditions: [{type: secrets.doppler.com/SecretSyncReady,
			status: "True", reason: OK, message: m, lastTransitionTime: "2026-08-01T12:00:00Z"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var obj map[string]any
			if err := yaml.Unmarshal([]byte(text), &obj); err != nil {
				t.Fatal(err)
			}
			obj = numbers(t, obj)
			if err := serve(t, dopplerSecrets).admit(obj); err != nil {
				t.Fatalf("it is not admitted: %v", err)
			}
			b, err := json.Marshal(obj)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &dopplerv1alpha1.DopplerSecret{}); err != nil {
				t.Errorf("it is admitted and does not decode: %v", err)
			}
		})
	}
}

// TestDopplerExamples admits the manifests that people are told to apply, and
// changes nothing that they say.
func TestDopplerExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../examples/doppler/3-dopplersecret.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var obj map[string]any
	if err := yaml.UnmarshalStrict(b, &obj); err != nil {
		t.Fatal(err)
	}
	want := numbers(t, obj)
	got := numbers(t, want)
	if err := serve(t, dopplerSecrets).admit(got); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"host", "tokenSecret"} {
		if diff := cmp.Diff(in(want, "spec", path), in(got, "spec", path)); diff != "" {
			t.Errorf("%s reads back otherwise (-applied +read):\n%s", path, diff)
		}
	}
	if in(got, "spec", "managedSecret", "type") != "Opaque" {
		t.Errorf("what was not said is not filled in: %v", got)
	}
}

// TestDopplerOnARealServer applies every manifest of the language's golden
// files to a real API server. What it admits decodes, and prints in columns.
func TestDopplerOnARealServer(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, dopplerv1alpha1.AddToScheme)
	files, err := filepath.Glob("../../internal/dialect/doppler/testdata/*.txtar")
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
		obj.SetName(base)
		obj.SetNamespace(namespace)
		if err := c.Create(t.Context(), obj); err != nil {
			if !strings.Contains(base, "refused") {
				t.Errorf("%s is not admitted: %v", base, err)
			}
			if strings.Contains(base, "login") && !strings.Contains(err.Error(), "Must specify either tokenSecret or identity, but not both") {
				t.Errorf("%s: %v", base, err)
			}
			continue
		}
		t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), obj) })
		admitted++
		typed := &dopplerv1alpha1.DopplerSecret{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), typed); err != nil {
			t.Errorf("%s does not decode: %v", base, err)
		}
		if typed.Spec.ResyncSeconds == nil || typed.Spec.VerifyTLS == nil || typed.Spec.Host == "" {
			t.Errorf("%s: the defaults are not filled in: %+v", base, typed.Spec)
		}
	}
	if admitted < 25 {
		t.Errorf("only %d of %d manifests were admitted", admitted, len(files))
	}
	var shown dopplerv1alpha1.DopplerSecret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "least"}, &shown); err != nil {
		t.Fatal(err)
	}
	shown.Status = dopplerv1alpha1.DopplerSecretStatus{
		ManagedSecret: &dopplerv1alpha1.ManagedSecretStatus{Namespace: "where-it-is", Name: "app-secrets"},
		Conditions: []metav1.Condition{{Type: "secrets.doppler.com/SecretSyncReady", Status: "True", Reason: "OK",
			LastTransitionTime: metav1.Now()}},
	}
	if err := c.Status().Update(t.Context(), &shown); err != nil {
		t.Fatal(err)
	}
	out, err := plane.Kubectl(t.Context(), "get", "dopplersecrets.secrets.doppler.com", "least", "--namespace", namespace).CombinedOutput()
	want := []string{"NAME", "MANAGED", "SECRET", "IN", "NAMESPACE", "READY", "REASON", "LAST", "SYNC", "AGE", "least", "app-secrets", "where-it-is", "True", "OK"}
	if got := strings.Fields(string(out)); err != nil || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("kubectl get: %v\n%s", err, out)
	}
}

// TestDopplerNumbersDecode sends numbers as no client of ours writes them, for
// whoever may create an object may send any bytes.
func TestDopplerNumbersDecode(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, dopplerv1alpha1.AddToScheme)
	for name, number := range map[string]string{"exponent": "6e1", "dot": "60.0", "large": "9007199254740991", "beyond": "1e30", "fraction": "0.5"} {
		body := `{"apiVersion":"secrets.doppler.com/v1alpha1","kind":"DopplerSecret","metadata":{"name":"` + name + `"},
			"spec":{"tokenSecret":{"name":"a"},"resyncSeconds":` + number + `,"expirationSeconds":` + number + `}}`
		cmd := plane.Kubectl(t.Context(), "create", "-f", "-", "--raw", "/apis/secrets.doppler.com/v1alpha1/namespaces/"+namespace+"/dopplersecrets")
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.CombinedOutput()
		if refused := name == "beyond" || name == "fraction"; (err != nil) != refused {
			t.Errorf("%s: %v\n%s", number, err, out)
		}
	}
	var all dopplerv1alpha1.DopplerSecretList
	if err := c.List(t.Context(), &all, client.InNamespace(namespace)); err != nil || len(all.Items) != 3 {
		t.Errorf("%d objects, error %v", len(all.Items), err)
	}
}
