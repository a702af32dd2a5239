package crd

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

const sealedSecrets = "sealedsecrets"

// TestSealedSecretIsTheOriginals: its names, its columns, and a schema that
// admits what that of Sealed Secrets 0.40 admits, and nothing else of a user's.
func TestSealedSecretIsTheOriginals(t *testing.T) {
	t.Parallel()
	crds, err := All()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(crds, func(c *apiextensionsv1.CustomResourceDefinition) bool { return c.Name == "sealedsecrets.bitnami.com" })
	if i < 0 {
		t.Fatal("there is no definition of SealedSecret")
	}
	spec := &crds[i].Spec
	names := apiextensionsv1.CustomResourceDefinitionNames{
		Kind: "SealedSecret", ListKind: "SealedSecretList", Plural: sealedSecrets, Singular: "sealedsecret",
	}
	if diff := cmp.Diff(names, spec.Names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if spec.Scope != apiextensionsv1.NamespaceScoped || len(spec.Versions) != 1 || spec.Versions[0].Subresources.Status == nil {
		t.Errorf("scope %s, %d versions, subresources %+v", spec.Scope, len(spec.Versions), spec.Versions[0].Subresources)
	}
	var columns []string
	for _, c := range spec.Versions[0].AdditionalPrinterColumns {
		columns = append(columns, strings.Join([]string{c.Name, c.Type, c.JSONPath}, " "))
	}
	wantColumns := []string{
		"Status string .status.conditions[0].message", "Synced string .status.conditions[0].status", "Age date .metadata.creationTimestamp",
	}
	if diff := cmp.Diff(wantColumns, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	want := append(slices.Clone(originalSealedSecret), ".status.sealedFor string") // what is added, in the status alone
	if diff := cmp.Diff(want, rules(spec.Versions[0].Schema.OpenAPIV3Schema)); diff != "" {
		t.Errorf("schema (-the original's +ours):\n%s", diff)
	}
}

// originalSealedSecret are the rules of the original's schema.
var originalSealedSecret = []string{
	". object required=[spec]",
	".apiVersion string", ".kind string", ".metadata object",
	".spec object required=[encryptedData]",
	".spec.data string byte",
	".spec.encryptedData object unknown", ".spec.encryptedData.* string",
	".spec.template object",
	".spec.template.data object nullable", ".spec.template.data.* string",
	".spec.template.immutable boolean",
	".spec.template.metadata object nullable unknown",
	".spec.template.metadata.annotations object", ".spec.template.metadata.annotations.* string",
	".spec.template.metadata.finalizers array", ".spec.template.metadata.finalizers[] string",
	".spec.template.metadata.labels object", ".spec.template.metadata.labels.* string",
	".spec.template.metadata.name string", ".spec.template.metadata.namespace string",
	".spec.template.type string",
	".status object",
	".status.conditions array", ".status.conditions[] object required=[status type]",
	".status.conditions[].lastTransitionTime string date-time", ".status.conditions[].lastUpdateTime string date-time",
	".status.conditions[].message string", ".status.conditions[].reason string",
	".status.conditions[].status string", ".status.conditions[].type string",
	".status.observedGeneration integer int64",
}

// rules are what a schema asks of each field, sorted.
func rules(s *apiextensionsv1.JSONSchemaProps) []string {
	var out []string
	var visit func(path string, s *apiextensionsv1.JSONSchemaProps)
	visit = func(path string, s *apiextensionsv1.JSONSchemaProps) {
		rule := []string{"." + strings.TrimPrefix(path, "."), s.Type}
		if s.Format != "" {
			rule = append(rule, s.Format)
		}
		if s.Nullable {
			rule = append(rule, "nullable")
		}
		if s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields {
			rule = append(rule, "unknown")
		}
		if len(s.Required) > 0 {
			rule = append(rule, fmt.Sprintf("required=%v", slices.Sorted(slices.Values(s.Required))))
		}
		out = append(out, strings.Join(rule, " "))
		for name, p := range s.Properties {
			visit(path+"."+name, &p)
		}
		if s.Items != nil {
			visit(path+"[]", s.Items.Schema)
		}
		if s.AdditionalProperties != nil {
			visit(path+".*", s.AdditionalProperties.Schema)
		}
	}
	visit("", s)
	slices.Sort(out)
	return out
}

// TestSealedSecretAdmitsAndDecodes is about objects that the schema lets
// through, and that must not stop the watch of all of them.
func TestSealedSecretAdmitsAndDecodes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no entries":            `spec: {encryptedData: {}}`,
		"entries of any kind":   `spec: {encryptedData: {"": "", "a/b": "!", c: AA==}}`,
		"nulls":                 `spec: {encryptedData: {}, template: {metadata: null, data: null, type: null, immutable: null}}`,
		"metadata of any kind":  `spec: {encryptedData: {}, template: {metadata: {creationTimestamp: 5, ownerReferences: word, generation: [], managedFields: {}}}}`,
		"a whole Secret":        `spec: {encryptedData: {}, data: AgBy}`,
		"an unknown field":      `spec: {encryptedData: {}, unknown: {a: 1}}`,
		"times in other words":  `{spec: {encryptedData: {}}, status: {conditions: [{type: Synced, status: "True", lastUpdateTime: "2026-08-01t12:00:00z"}]}}`,
		"a status of little":    `{spec: {encryptedData: {}}, status: {conditions: [{type: "", status: ""}], observedGeneration: -9223372036854775808}}`,
		"the original's status": `{spec: {encryptedData: {}}, status: {observedGeneration: 1, conditions: [{type: Synced, status: "True", lastUpdateTime: "2026-08-01T12:00:00Z", lastTransitionTime: "2026-08-01T12:00:00Z"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var obj map[string]any
			if err := yaml.Unmarshal([]byte(text), &obj); err != nil {
				t.Fatal(err)
			}
			obj = numbers(t, obj)
			if err := serve(t, sealedSecrets).admit(obj); err != nil {
				t.Fatalf("it is not admitted: %v", err)
			}
			b, err := json.Marshal(obj)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &v1alpha1.SealedSecret{}); err != nil {
				t.Errorf("it is admitted and does not decode: %v", err)
			}
		})
	}
}

// TestSealedSecretOnARealServer applies every manifest of the language's golden
// files. All but those with entries that are no words are admitted and read
// back as they were applied, what is wrong with one being said in its status.
func TestSealedSecretOnARealServer(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, v1alpha1.AddToScheme)
	files, err := filepath.Glob("../../internal/dialect/sealedsecrets/testdata/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		obj := manifestObject(t, archive.Files[0].Data)
		base := strings.TrimSuffix(filepath.Base(file), ".txtar")
		obj.SetName(base)
		obj.SetNamespace(namespace)
		obj.SetUID("")
		applied := obj.DeepCopy()
		err = c.Create(t.Context(), obj)
		if words := base != "entries-that-are-no-words"; (err == nil) != words {
			t.Errorf("%s: %v", base, err)
		}
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), obj) })
		if diff := cmp.Diff(applied.Object["spec"], obj.Object["spec"]); diff != "" {
			t.Errorf("%s reads back otherwise (-applied +read):\n%s", base, diff)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), &v1alpha1.SealedSecret{}); err != nil {
			t.Errorf("%s does not decode: %v", base, err)
		}
	}
	var shown v1alpha1.SealedSecret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "least"}, &shown); err != nil {
		t.Fatal(err)
	}
	const noon = "2026-08-01T12:00:00Z"
	shown.Status = v1alpha1.SealedSecretStatus{ObservedGeneration: 1, Conditions: []v1alpha1.Condition{
		{Type: "Synced", Status: "False", Message: "what-is-wrong", LastUpdateTime: noon, LastTransitionTime: noon},
	}}
	if err := c.Status().Update(t.Context(), &shown); err != nil {
		t.Fatal(err)
	}
	out, err := plane.Kubectl(t.Context(), "get", "sealedsecrets.bitnami.com", "least", "--namespace", namespace).CombinedOutput()
	want := []string{"NAME", "STATUS", "SYNCED", "AGE", "least", "what-is-wrong", "False"}
	if got := strings.Fields(string(out)); err != nil || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("kubectl get: %v\n%s", err, out)
	}
}
