package crd

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// mirrorVersions are the schemas of SecretMirror by version.
func mirrorVersions(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinitionVersion {
	t.Helper()
	crds, err := All()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*apiextensionsv1.CustomResourceDefinitionVersion{}
	for _, crd := range crds {
		if crd.Spec.Names.Plural != "secretmirrors" {
			continue
		}
		if c := crd.Spec.Conversion; c != nil && c.Strategy != apiextensionsv1.NoneConverter {
			t.Errorf("versions are converted by %s", c.Strategy)
		}
		for i := range crd.Spec.Versions {
			out[crd.Spec.Versions[i].Name] = &crd.Spec.Versions[i]
		}
	}
	return out
}

// TestMirrorVersions: without a webhook nothing may be in one version alone,
// or it would be lost on the way through the other.
func TestMirrorVersions(t *testing.T) {
	t.Parallel()
	all := mirrorVersions(t)
	if len(all) != 2 || !all["v1alpha1"].Served || all["v1alpha1"].Storage || !all["v1alpha2"].Served || !all["v1alpha2"].Storage {
		t.Fatalf("the versions are %v", all)
	}
	if diff := cmp.Diff(all["v1alpha1"].Schema, all["v1alpha2"].Schema); diff != "" {
		t.Errorf("the schemas differ (-v1alpha1 +v1alpha2):\n%s", diff)
	}
	for version, want := range map[string]string{
		"v1alpha1": "Source Name, Dest Namespace, Dest Namespace Regex, Poll Period, Mirror Status, Last Sync Time, Age",
		"v1alpha2": "Source Type, Source Name, Destination Type, Delete Policy, Poll Period, Mirror Status, Last Sync Time, Age",
	} {
		var names []string
		for _, c := range all[version].AdditionalPrinterColumns {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("the columns of %s are %s, want %s", version, got, want)
		}
	}
	for _, part := range []string{"Spec", "Status"} {
		field, _ := reflect.TypeFor[v1alpha2.SecretMirror]().FieldByName(part)
		name, _ := jsonName(field)
		schema := all["v1alpha2"].Schema.OpenAPIV3Schema.Properties[name]
		compare(t, "secretmirrors."+name, &schema, field.Type)
	}
}

// TestMirrorDefaults: those that the original writes into its objects, and
// what it shows before it first ran.
func TestMirrorDefaults(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	walk(mirrorVersions(t)["v1alpha2"].Schema.OpenAPIV3Schema, "", func(path string, s *apiextensionsv1.JSONSchemaProps) {
		if s.Default != nil && string(s.Default.Raw) != "{}" {
			got[strings.TrimPrefix(path, ".")] = string(s.Default.Raw)
		}
	})
	want := map[string]string{
		"spec.source.type": `"secret"`, "spec.destination.type": `"namespaces"`, "spec.deletePolicy": `"delete"`,
		"spec.pollPeriodSeconds": "180", "status.mirrorStatus": `"Pending"`, "status.lastSyncTime": `"1970-01-01T00:00:00Z"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// TestEveryFieldOfMirrors looks for each field of mirrors 0.2.7 in both
// versions.
func TestEveryFieldOfMirrors(t *testing.T) {
	t.Parallel()
	fields := []string{
		"spec.source.type", "spec.source.name", "spec.destination.type", "spec.destination.namespaces",
		"spec.destination.namespace", "spec.destination.namespaceRegex", "spec.deletePolicy", "spec.pollPeriodSeconds",
		"status.mirrorStatus", "status.lastSyncTime", "status.vaultSource.leaseID", "status.vaultSource.leaseDuration",
	}
	for _, side := range []string{"spec.source.vault.", "spec.destination.vault."} {
		for _, f := range []string{
			"addr", "path", "auth.token.tokenKey", "auth.token.secretRef.name", "auth.token.secretRef.namespace",
			"auth.approle.appRolePath", "auth.approle.roleIDKey", "auth.approle.secretIDKey",
			"auth.approle.secretRef.name", "auth.approle.secretRef.namespace",
		} {
			fields = append(fields, side+f)
		}
	}
	for version, v := range mirrorVersions(t) {
		for _, f := range fields {
			if !keeps(v.Schema.OpenAPIV3Schema, f) {
				t.Errorf("%s: %s would be pruned", version, f)
			}
		}
	}
}

// TestMirrorsOnARealServer applies the manifests of the language's golden
// files and of its examples. What is admitted reads back with the defaults and
// nothing else changed, and decodes.
func TestMirrorsOnARealServer(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, v1alpha2.AddToScheme)
	admitted := 0
	for name, manifest := range mirrorManifests(t) {
		obj := manifestObject(t, manifest)
		obj.SetName(name)
		obj.SetNamespace(namespace)
		obj.SetDeletionTimestamp(nil)
		obj.SetFinalizers(nil)
		want := runtime.DeepCopyJSON(obj.Object)["spec"].(map[string]any)
		fill(want, "deletePolicy", "delete")
		fill(want, "pollPeriodSeconds", int64(180))
		fill(below(want, "source"), "type", "secret")
		fill(below(want, "destination"), "type", "namespaces")
		if err := c.Create(t.Context(), obj); err != nil {
			if !strings.Contains(name, "refused") {
				t.Errorf("%s is not admitted: %v", name, err)
			}
			continue
		}
		admitted++
		if diff := cmp.Diff(want, obj.Object["spec"]); diff != "" {
			t.Errorf("%s reads back otherwise (-applied with defaults +read):\n%s", name, diff)
		}
		typed := &v1alpha2.SecretMirror{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(obj), typed); err != nil {
			t.Errorf("%s does not decode: %v", name, err)
		}
		// Whatever status a manifest carries, a new object has none.
		if diff := cmp.Diff(v1alpha2.SecretMirrorStatus{MirrorStatus: "Pending", LastSyncTime: "1970-01-01T00:00:00Z"}, typed.Status); diff != "" {
			t.Errorf("the status of %s (-want +got):\n%s", name, diff)
		}
	}
	if admitted < 45 {
		t.Errorf("only %d manifests were admitted", admitted)
	}
}

// mirrorManifests are the SecretMirrors that there are, by a name for each.
func mirrorManifests(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, _ := filepath.Glob("../../internal/dialect/mirrors/testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".txtar")] = archive.Files[0].Data
	}
	files, _ = filepath.Glob("../../examples/mirrors/*.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(b), "\n---\n") {
			if strings.Contains(doc, "\nkind: SecretMirror\n") {
				out["example-"+strings.TrimSuffix(filepath.Base(file), ".yaml")] = []byte(doc)
			}
		}
	}
	return out
}

func fill(m map[string]any, key string, value any) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

func below(m map[string]any, key string) map[string]any {
	fill(m, key, map[string]any{})
	return m[key].(map[string]any)
}

// TestMirrorsThroughBothVersions: an object of either version is the other's
// too, and a change through the older one loses nothing.
func TestMirrorsThroughBothVersions(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, v1alpha2.AddToScheme)
	object := func(version, name, spec string) *unstructured.Unstructured {
		obj := manifestObject(t, []byte("apiVersion: mirrors.kts.studio/"+version+"\nkind: SecretMirror\nspec: "+spec))
		obj.SetName(name)
		obj.SetNamespace(namespace)
		return obj
	}
	create := func(obj *unstructured.Unstructured) {
		t.Helper()
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name string) *v1alpha2.SecretMirror {
		t.Helper()
		sm := &v1alpha2.SecretMirror{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, sm); err != nil {
			t.Fatal(err)
		}
		return sm
	}

	create(object("v1alpha1", "old", `{source: {name: app}, destination: {namespaceRegex: "team-.+", namespace: other}, pollPeriodSeconds: 60}`))
	want := v1alpha2.SecretMirrorSpec{
		Source:       v1alpha2.SecretMirrorSource{Type: "secret", Name: "app"},
		Destination:  v1alpha2.SecretMirrorDestination{Type: "namespaces", NamespaceRegex: "team-.+", Namespace: "other"},
		DeletePolicy: "delete", PollPeriodSeconds: 60,
	}
	if diff := cmp.Diff(want, get("old").Spec); diff != "" {
		t.Errorf("v1alpha1 reads as v1alpha2 (-want +got):\n%s", diff)
	}

	create(object("v1alpha2", "new", `{source: {name: app, type: vault, vault: {addr: "http://v", path: a/b}}, destination: {namespaces: [a, b]}, deletePolicy: retain}`))
	before := get("new").Spec
	old := object("v1alpha1", "new", "{}")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(old), old); err != nil {
		t.Fatal(err)
	}
	old.SetLabels(map[string]string{"touched": "yes"})
	if err := c.Update(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	after := get("new")
	if diff := cmp.Diff(before, after.Spec); diff != "" || after.Labels["touched"] != "yes" {
		t.Errorf("a change through v1alpha1 (labels %v) changed (-before +after):\n%s", after.Labels, diff)
	}

	// What people see before the operator has run: the original shows it after.
	create(object("v1alpha2", "seen", `{source: {name: mysecret}, destination: {namespaces: [project-a-.+]}}`))
	out, err := plane.Kubectl(t.Context(), "get", "secretmirrors", "seen", "--namespace", namespace).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl get: %v\n%s", err, out)
	}
	columns := strings.Fields(strings.Split(string(out), "\n")[1])
	wantColumns := []string{"seen", "secret", "mysecret", "namespaces", "delete", "180", "Pending", "1970-01-01T00:00:00Z"}
	if len(columns) != 9 || !slices.Equal(columns[:8], wantColumns) {
		t.Errorf("kubectl shows\n%s", out)
	}
}

// TestOddMirrorsDecode is about values that the schema lets through and a
// naive type would choke on: one such object would stop the watch for all.
func TestOddMirrorsDecode(t *testing.T) {
	t.Parallel()
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	c := testkit.Client(t, plane, v1alpha2.AddToScheme)
	for name, body := range map[string]string{
		"no-spec":       `{}`,
		"nulls":         `{spec: {source: null, destination: {type: null, namespaces: null, vault: null}, deletePolicy: null, pollPeriodSeconds: null}}`,
		"null-vault":    `{spec: {source: {type: vault, vault: {addr: null, auth: {approle: {secretRef: null}, token: null}}}}}`,
		"huge":          `{spec: {pollPeriodSeconds: 9007199254740991}}`,
		"huge-negative": `{spec: {pollPeriodSeconds: -9007199254740991}}`,
		"a-dot":         `{spec: {pollPeriodSeconds: 60.0}}`,
		"an-exponent":   `{spec: {pollPeriodSeconds: 1e3}}`,
		"small-t":       `{status: {lastSyncTime: "2026-08-01t10:00:00z", vaultSource: {renewedAt: "2026-08-01t10:00:00z"}}}`,
		"no-such-time":  `{status: {lastSyncTime: "2026-08-01T10:61:00Z"}}`,
		"no-such-day":   `{status: {lastSyncTime: "2026-02-31T10:00:00Z", conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-02-31T10:00:00Z"}]}}`,
		"long-lease":    `{status: {observedGeneration: 9007199254740991, vaultSource: {leaseID: a, leaseDuration: 9007199254740991, renewable: null}}}`,
		"no-words":      `{status: {conditions: [{type: "", status: ""}]}}`,
		"wrong-number":  `{spec: {pollPeriodSeconds: 1e30}}`,
		"wrong-lease":   `{status: {vaultSource: {leaseDuration: 1e30}}}`,
	} {
		obj := manifestObject(t, []byte(body))
		obj.SetAPIVersion("mirrors.kts.studio/v1alpha2")
		obj.SetKind("SecretMirror")
		obj.SetName(name)
		obj.SetNamespace(namespace)
		status, has := obj.Object["status"]
		err := c.Create(t.Context(), obj)
		if err == nil && has {
			obj.Object["status"] = status
			err = c.Status().Update(t.Context(), obj)
		}
		if wrong := strings.HasPrefix(name, "wrong"); wrong != (err != nil) && name != "no-such-time" && name != "no-such-day" {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The list is what the operator starts with: all or nothing.
	var all v1alpha2.SecretMirrorList
	if err := c.List(t.Context(), &all, client.InNamespace(namespace)); err != nil || len(all.Items) < 10 {
		t.Errorf("%d objects, error %v", len(all.Items), err)
	}
}
