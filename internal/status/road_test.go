package status_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func newRoad(t *testing.T, change func(*vaultsyncstatus.Options)) *road {
	t.Helper()
	r := &road{token: filepath.Join(t.TempDir(), "VAULT_TOKEN")}
	opts := vaultsyncstatus.Options{
		Vault: delivery.VaultConfig{
			Server: testkit.SharedVault(t).Addr,
			Auth:   delivery.VaultAuth{Token: &delivery.Credential{Kind: delivery.FromFile, Name: r.token}},
		},
		Interval: interval,
	}
	if change != nil {
		change(&opts)
	}
	r.Bed, _, _ = operatortest.WithOwn(t, func(o *operator.Options) { o.Languages.VaultSyncStatus = opts })
	r.writeToken(r.Vault.RootToken)
	r.vss = testkit.Client(t, r.Plane, vssv1.AddToScheme)
	return r
}

// interval between looks at Vault, of which the original's is a minute.
const interval = time.Second

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
	langs := operator.Languages(operator.LanguageOptions{})
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

// TestTheDocumentedRightsSuffice, and a GitOps tool that puts its own time stamp
// back restarts nobody.
func TestTheDocumentedRightsSuffice(t *testing.T) {
	t.Parallel()
	r := newRoad(t, nil)
	token, err := r.Vault.Token(t.Context(), `path "+/metadata/*" { capabilities = ["read", "list"] }`)
	if err != nil {
		t.Fatal(err)
	}
	r.writeToken(token)
	r.Put("my-app", map[string]any{"password": "one"})
	r.example()
	v := r.says("Already in Sync", "")
	if got := r.generation(); got != 2 {
		t.Errorf("the Deployment's generation is %d, want 2", got)
	}
	stamp := v.Spec.TimeStamp
	before := v.DeepCopy()
	v.Spec.TimeStamp = "0000-00-00T00:00:00.000000000Z"
	if err := r.vss.Patch(t.Context(), v, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	r.Eventually(func() error {
		if got := r.object().Spec.TimeStamp; got != stamp {
			return fmt.Errorf("timeStamp is %s", got)
		}
		return nil
	})
	if got := r.generation(); got != 2 {
		t.Errorf("the Deployment's generation is %d after its record was reset, want 2", got)
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
	r := newRoad(t, func(o *vaultsyncstatus.Options) { o.Vault = delivery.VaultConfig{} })
	r.example()
	r.says("Error", "VAULT_URL")
}

// TestManyObjectsReadOnce: objects that watch one path share its read, and
// while nothing changes none of them is written.
func TestManyObjectsReadOnce(t *testing.T) {
	t.Parallel()
	proxy := testkit.NewProxy(t, testkit.SharedVault(t).Addr, nil)
	r := newRoad(t, func(o *vaultsyncstatus.Options) { o.Vault.Server = proxy.URL })
	r.Put("my-app", map[string]any{"password": "one"})
	r.example()
	stamp := r.says("Already in Sync", "").Spec.TimeStamp
	const many = 20
	for i := range many {
		v := r.object()
		v.ObjectMeta = metav1.ObjectMeta{Namespace: r.NS, Name: fmt.Sprintf("more-%d", i)}
		v.Spec.TimeStamp, v.Status = stamp, vssv1.VaultSyncStatusStatus{}
		if err := r.vss.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	versions := func() (all map[string]string, settled bool) {
		list := &vssv1.VaultSyncStatusList{}
		if err := r.vss.List(t.Context(), list, client.InNamespace(r.NS)); err != nil {
			t.Fatal(err)
		}
		all, settled = map[string]string{}, true
		for _, v := range list.Items {
			all[v.Name] = v.ResourceVersion
			settled = settled && v.Status.VaultSync.SyncStatus == "Already in Sync"
		}
		return all, settled
	}
	r.Eventually(func() error {
		if _, ok := versions(); !ok {
			return errors.New("not all are in sync yet")
		}
		return nil
	})
	before, _ := versions()
	proxy.ResetCounts()
	start := time.Now()
	path := "/v1/secret/metadata/" + r.NS + "/my-app"
	r.Eventually(func() error {
		if n := proxy.Counts()[path]; n < 4 {
			return fmt.Errorf("%d reads", n)
		}
		return nil
	})
	n := proxy.Counts()[path]
	waves := int(time.Since(start)/interval) + 2
	if n > 2*waves {
		t.Errorf("%d objects cost %d reads in %d waves", many+1, n, waves)
	}
	for other, n := range proxy.Counts() {
		if strings.Contains(other, "/data/") {
			t.Errorf("%d reads of a value: %s", n, other)
		}
	}
	after, _ := versions()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("objects were written while nothing changed:\n%s", diff)
	}
	if got := r.generation(); got != 2 {
		t.Errorf("the Deployment's generation is %d, want 2", got)
	}
}
