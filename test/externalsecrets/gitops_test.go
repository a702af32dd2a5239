package externalsecrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

// parse reads a manifest as Apply does.
func (b bed) parse(manifest string) []*unstructured.Unstructured {
	b.T.Helper()
	manifest = strings.NewReplacer("$NS", b.NS, "$VAULT", b.VaultAddr, "$TOKEN", b.Vault.RootToken).Replace(manifest)
	var all []*unstructured.Unstructured
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := docs.Decode(obj); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			b.T.Fatal(err)
		}
		if obj.GetKind() != "" {
			all = append(all, obj)
		}
	}
}

// differs compares what is in the manifest with what is in the cluster, as a
// GitOps tool does: but for what a server always fills in, they are the same.
func (b bed) differs(manifest string) string {
	b.T.Helper()
	var all strings.Builder
	for _, want := range b.parse(manifest) {
		if want.GroupVersionKind().Group != "external-secrets.io" {
			continue
		}
		got := b.read(want)
		name := want.GetKind() + " " + want.GetName()
		if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
			fmt.Fprintf(&all, "%s: spec (-applied +live):\n%s", name, diff)
		}
		wanted := []string{"creationTimestamp", "generation", "managedFields", "name", "resourceVersion", "uid"}
		if want.GetKind() != "ClusterSecretStore" {
			wanted = append(wanted, "namespace")
		}
		for key := range want.Object["metadata"].(map[string]any) {
			wanted = append(wanted, key)
		}
		slices.Sort(wanted)
		if diff := cmp.Diff(slices.Compact(wanted), keys(got.Object["metadata"].(map[string]any))); diff != "" {
			fmt.Fprintf(&all, "%s: metadata (-applied +live):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.GetLabels(), got.GetLabels()) + cmp.Diff(want.GetAnnotations(), got.GetAnnotations()); diff != "" {
			fmt.Fprintf(&all, "%s: labels or annotations (-applied +live):\n%s", name, diff)
		}
	}
	return all.String()
}

// manifests are in testdata, a whole set of objects each.
func manifests(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/gitops/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".yaml")] = string(text)
	}
	return all
}

func TestWhatIsAppliedReadsBackTheSame(t *testing.T) {
	for name, manifest := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			b := vaultBed(t)
			b.Put("app", map[string]any{"user": "ann", "pass": "x"})
			b.Apply(manifest)
			for _, obj := range b.parse(manifest) {
				if obj.GetKind() == "ExternalSecret" {
					b.Synced(obj.GetName())
				}
			}
			if diff := b.differs(manifest); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheOperatorOwnsNothingButTheStatus(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(es("app", one("app")))
	b.Synced("app")
	b.storeIs("SecretStore", "vault", "True", "Valid")
	for _, want := range b.parse(operatortest.VaultStore + es("app", one("app"))) {
		if want.GetKind() == "Secret" {
			continue
		}
		for _, m := range b.read(want).GetManagedFields() {
			switch {
			case m.Manager == "test" && m.Operation == "Apply" && m.Subresource == "":
			case m.Subresource == "status":
				if bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:spec"`)) || bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:metadata"`)) {
					t.Errorf("%s: %s writes more than the status: %s", want.GetKind(), m.Manager, m.FieldsV1.GetRawBytes())
				}
			default:
				t.Errorf("%s: %s %s owns %s", want.GetKind(), m.Manager, m.Operation, m.FieldsV1.GetRawBytes())
			}
		}
	}
}

func TestKubectlShowsTheColumns(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.Apply(strings.Replace(es("app", "refreshInterval: 15m"+one("app")), "{name: vault}", "{name: vault, kind: SecretStore}", 1) + clusterStore("provider: "+fake("k", "x")))
	b.Synced("app")
	b.storeIs("ClusterSecretStore", b.NS, "True", "Valid")
	for kind, want := range map[string][]string{
		"es":  {"NAME STORETYPE STORE REFRESH INTERVAL STATUS READY LAST SYNC", "app SecretStore vault 15m SecretSynced True "},
		"ss":  {"NAME AGE STATUS CAPABILITIES READY", " Valid ReadWrite True"},
		"css": {"NAME AGE STATUS CAPABILITIES READY", b.NS + " ", " Valid ReadWrite True"},
	} {
		out, err := b.Plane.Kubectl(t.Context(), "get", "--namespace="+b.NS, kind).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
		text := strings.Join(strings.Fields(string(out)), " ") + " "
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s shows\n%s\nwithout %q", kind, out, w)
			}
		}
	}
	out, err := b.Plane.Kubectl(t.Context(), "get", "--namespace="+b.NS, "es", "--field-selector=spec.secretStoreRef.name=vault", "--output=name").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "externalsecret.external-secrets.io/app" {
		t.Errorf("selecting by the store's name: %v %s", err, out)
	}
}
