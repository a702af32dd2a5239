package status_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/vaultsyncstatus"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/status"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// road is the example of VaultSyncStatus in a namespace of the test's own,
// with an operator that looks at the real Vault often.
type road struct {
	*operatortest.Bed
	vss   client.Client
	token string
}

func newRoad(t *testing.T, vault *delivery.VaultConfig) *road {
	t.Helper()
	r := &road{token: filepath.Join(t.TempDir(), "VAULT_TOKEN")}
	r.Bed, _, _ = operatortest.WithOwn(t, func(o *operator.Options) {
		if vault != nil {
			o.Languages.VaultSyncStatus = vaultsyncstatus.Options{Vault: *vault, Interval: time.Second}
			return
		}
		o.Languages.VaultSyncStatus = vaultsyncstatus.Options{
			Vault: delivery.VaultConfig{
				Server: testkit.SharedVault(t).Addr,
				Auth:   delivery.VaultAuth{Token: &delivery.Credential{Kind: delivery.FromFile, Name: r.token}},
			},
			Interval: time.Second,
		}
	})
	r.writeToken(r.Vault.RootToken)
	r.vss = testkit.Client(t, r.Plane, vssv1.AddToScheme)
	return r
}

func (r *road) writeToken(token string) {
	r.T.Helper()
	if err := os.WriteFile(r.token, []byte(token+"\n"), 0o600); err != nil {
		r.T.Fatal(err)
	}
}

// example applies the manifests that people are told to apply.
func (r *road) example() {
	r.T.Helper()
	manifest, err := os.ReadFile("../../examples/vaultsyncstatus/vaultsyncstatus.yaml")
	if err != nil {
		r.T.Fatal(err)
	}
	r.Apply(strings.NewReplacer(
		"namespace: default", "namespace: $NS", "deployNamespace: default", "deployNamespace: $NS",
		"secretPath: my-app", "secretPath: $NS/my-app").Replace(string(manifest)))
}

func (r *road) object() *vssv1.VaultSyncStatus {
	r.T.Helper()
	v := &vssv1.VaultSyncStatus{}
	if err := r.vss.Get(r.T.Context(), types.NamespacedName{Namespace: r.NS, Name: "my-app"}, v); err != nil {
		r.T.Fatal(err)
	}
	return v
}

// generation of the Deployment: every restart adds one.
func (r *road) generation() int64 {
	r.T.Helper()
	d := &appsv1.Deployment{}
	if err := r.Get(r.T.Context(), types.NamespacedName{Namespace: r.NS, Name: "my-app"}, d); err != nil {
		r.T.Fatal(err)
	}
	return d.Generation
}

// says waits until the status begins with these words.
func (r *road) says(word, message string) *vssv1.VaultSyncStatus {
	r.T.Helper()
	var v *vssv1.VaultSyncStatus
	r.Eventually(func() error {
		v = r.object()
		if s := v.Status.VaultSync; s.SyncStatus != word || !strings.Contains(s.Message, message) {
			return fmt.Errorf("it is %+v, want %s: %s", s, word, message)
		}
		return nil
	})
	return v
}

// row is the object's in the table that the command line prints.
func (r *road) row() status.Row {
	r.T.Helper()
	var langs []status.Language
	for _, l := range operator.Languages(operator.LanguageOptions{}) {
		langs = append(langs, status.Language{Name: l.Name, Stores: l.Stores, Deliveries: l.Deliveries})
	}
	c, err := client.New(r.Plane.Config(), client.Options{Scheme: status.Scheme(langs)})
	if err != nil {
		r.T.Fatal(err)
	}
	table, err := (&status.Gatherer{Client: c, Languages: langs, Namespace: r.NS}).Gather(r.T.Context())
	if err != nil || len(table.Rows) != 1 {
		r.T.Fatalf("%+v, error %v", table, err)
	}
	return table.Rows[0]
}

// TestVaultSyncStatusRestartsItsDeployment runs the example: the first look
// restarts, each update in Vault does once, and nothing else does.
func TestVaultSyncStatusRestartsItsDeployment(t *testing.T) {
	t.Parallel()
	r := newRoad(t, nil)
	r.Put("my-app", map[string]any{"password": "one"})
	r.example()
	v := r.says("Already in Sync", "")
	if got := r.generation(); got != 2 {
		t.Errorf("the Deployment's generation is %d after the first look, want 2", got)
	}
	first := v.Spec.TimeStamp
	if _, err := time.Parse(time.RFC3339Nano, first); err != nil || v.Status.VaultSync.ObservedGeneration != v.Generation {
		t.Errorf("timeStamp %q, status %+v at generation %d", first, v.Status.VaultSync, v.Generation)
	}
	if row := r.row(); row.Ready != status.True || row.Restarted == nil || row.To[0].Name != "my-app" {
		t.Errorf("its row is %+v", row)
	}

	r.Put("my-app", map[string]any{"password": "two"})
	r.Eventually(func() error {
		if got := r.object().Spec.TimeStamp; got == first {
			return fmt.Errorf("timeStamp is still %s", got)
		}
		return nil
	})
	r.says("Already in Sync", "")
	if got := r.generation(); got != 3 {
		t.Errorf("the Deployment's generation is %d after an update, want 3", got)
	}
}

// TestATroubledVaultRestartsNobody: what the original did to the Deployment.
func TestATroubledVaultRestartsNobody(t *testing.T) {
	t.Parallel()
	r := newRoad(t, nil)
	r.Put("my-app", map[string]any{"password": "one"})
	r.writeToken("hvs.wrong")
	r.example()
	r.says("Error", "ermission denied")
	if got := r.generation(); got != 1 {
		t.Errorf("the Deployment's generation is %d though Vault refused, want 1", got)
	}
	if row := r.row(); row.Ready != status.False || !strings.Contains(row.Message, "ermission denied") {
		t.Errorf("its row is %+v", row)
	}
	out, err := json.Marshal(r.object())
	if err != nil || strings.Contains(string(out), "hvs.wrong") {
		t.Errorf("the token is in the object: %s, %v", out, err)
	}
}

// TestWhatCannotBeDoneIsSaid in the status, and restarts nobody.
func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	r := newRoad(t, nil)
	r.example()
	r.says("Error", "does not exist") // nothing in Vault yet
	change := func(f func(*vssv1.VaultSyncStatusSpec)) {
		t.Helper()
		v := r.object()
		patch := client.MergeFrom(v.DeepCopy())
		f(&v.Spec)
		if err := r.vss.Patch(t.Context(), v, patch); err != nil {
			t.Fatal(err)
		}
	}
	change(func(s *vssv1.VaultSyncStatusSpec) { s.DeployNamespace = "kube-system" })
	r.says("Error", "has not consented")
	change(func(s *vssv1.VaultSyncStatusSpec) { s.DeployNamespace, s.SecretPath = r.NS, "" })
	r.says("Error", "spec.secretPath")
	r.Put("my-app", map[string]any{"password": "one"})
	change(func(s *vssv1.VaultSyncStatusSpec) { s.SecretPath, s.DeployName = r.NS+"/my-app", "nobody" })
	r.says("Error", "nobody")
	if got := r.generation(); got != 1 {
		t.Errorf("the Deployment's generation is %d, want 1", got)
	}
	change(func(s *vssv1.VaultSyncStatusSpec) { s.DeployName = "my-app" })
	r.says("Already in Sync", "")
	if got := r.generation(); got != 2 {
		t.Errorf("the Deployment's generation is %d, want 2", got)
	}
}

// TestWithoutAVault every object says how to configure one.
func TestWithoutAVault(t *testing.T) {
	t.Parallel()
	r := newRoad(t, &delivery.VaultConfig{})
	r.example()
	r.says("Error", "VAULT_URL")
}
