// Package secretzero_test starts clusters from Git alone: SealedSecret → the
// credential of a store → ExternalSecrets → a workload, in any order of
// arrival. Each test is a cluster of its own: an operator with keys of its own,
// in a namespace of its own.
package secretzero_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestMain lets more tests run at a time than there are processors: most of
// the time they wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	operatortest.Main(m)
}

// The files of examples/secret-zero.
const (
	namespaceFile = iota
	dopplerToken
	dopplerStore
	dopplerSecret
	vaultLogin
	vaultStore
	vaultSecret
	workload
	files
)

// bed is a cluster with its key, a project in Doppler and an AppRole in Vault.
type bed struct {
	*operatortest.Bed
	cert    sealing.Certificate
	secrets []string // what nobody may see
	doppler *testkit.Doppler
	proxy   *testkit.Proxy // to Vault
	tap     testkit.Tap    // of the operator's requests to the API server
	logs    *operatortest.Logs
	// manifests are those of the example, for this cluster.
	manifests [files]string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	b := &bed{Bed: operatortest.WithoutOperator(t), doppler: testkit.SharedClouds(t).Doppler}
	b.proxy = testkit.NewProxy(t, b.Vault.Addr, nil)
	key, cert, err := sealing.Generate(2048, time.Now(), time.Hour)
	b.must(err)
	b.cert = cert
	b.must(b.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "sealed-secrets-key", Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.key": key.PEM().Reveal(), "tls.crt": cert.PEM()},
	}))
	token, err := b.doppler.Config(t.Context(), b.NS, "prd", map[string]string{"PAYMENTS_KEY": "pk-1-of-" + b.NS})
	b.must(err)
	b.Put("database", map[string]any{"password": "pw-1-of-" + b.NS})
	roleID, secretID, err := b.Vault.AppRole(t.Context(), fmt.Sprintf(`path "secret/data/%s/*" { capabilities = ["read"] }`, b.NS))
	b.must(err)
	b.read(map[string]string{
		"namespace: shop": "namespace: " + b.NS, "key: shop/database": "key: " + b.NS + "/database",
		"http://127.0.0.1:8200": b.proxy.URL, "your-role-id": roleID,
	})
	b.manifests[namespaceFile] = ""
	b.secrets = []string{token, secretID, "pk-1-of-" + b.NS, "pw-1-of-" + b.NS}
	b.seal(dopplerToken, "token", token)
	b.seal(vaultLogin, "secret-id", secretID)
	return b
}

func (b *bed) must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// read reads the example, with other words in it; each must be there.
func (b *bed) read(words map[string]string) {
	b.T.Helper()
	root, err := testkit.Root()
	b.must(err)
	paths, err := filepath.Glob(filepath.Join(root, "examples", "secret-zero", "*.yaml"))
	b.must(err)
	if len(paths) != files {
		b.T.Fatalf("the example has other files: %q", paths)
	}
	seen := map[string]bool{}
	for i, path := range paths {
		text, err := os.ReadFile(path)
		b.must(err)
		for old, now := range words {
			seen[old] = seen[old] || bytes.Contains(text, []byte(old))
			text = bytes.ReplaceAll(text, []byte(old), []byte(now))
		}
		b.manifests[i] = string(text)
	}
	if len(seen) != len(words) {
		b.T.Fatalf("the example has other words: %v", seen)
	}
	for word, there := range seen {
		if !there {
			b.T.Fatalf("the example has no %q", word)
		}
	}
}

// seal puts a value in a file as `tacit seal set` does.
func (b *bed) seal(file int, key, value string) {
	b.T.Helper()
	set := seal.Set{Key: key, Value: secret.NewString(value), To: []sealing.Certificate{b.cert}}
	out, _, err := set.Do(rand.Reader, []byte(b.manifests[file]))
	b.must(err)
	b.manifests[file] = string(out)
}

// operate starts the operator of this cluster.
func (b *bed) operate() {
	b.T.Helper()
	b.logs, _ = b.Operate(func(o *operator.Options) {
		o.Config = b.tap.Config(o.Config)
		o.Namespaces = []string{b.NS}
		o.Languages.Sealed.KeysNamespace = b.NS
		o.Languages.DopplerURL = b.doppler.Addr
	})
}

// apply applies files of the example in this order.
func (b *bed) apply(order ...int) {
	b.T.Helper()
	for _, i := range order {
		b.Apply(b.manifests[i])
	}
}

// arrived waits until the workload has all that it needs.
func (b *bed) arrived() {
	b.T.Helper()
	b.Holds("payments", map[string]string{"PAYMENTS_KEY": "pk-1-of-" + b.NS})
	b.Holds("database", map[string]string{"DATABASE_PASSWORD": "pw-1-of-" + b.NS})
	b.Synced("payments")
	b.Synced("database")
	b.Eventually(func() error {
		if b.started() == 0 {
			return errors.New("the workload is not started")
		}
		return nil
	})
	for _, source := range b.workload().Spec.Template.Spec.Containers[0].EnvFrom {
		if b.Secret(source.SecretRef.Name) == nil {
			b.T.Errorf("the workload waits for Secret %s", source.SecretRef.Name)
		}
	}
}

func (b *bed) workload() *appsv1.Deployment {
	b.T.Helper()
	d := &appsv1.Deployment{}
	b.must(b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: "shop"}, d))
	return d
}

// asked is how often Doppler and Vault were.
func (b *bed) asked() (doppler []testkit.CloudRequest, vault map[string]int) {
	b.T.Helper()
	doppler, err := b.doppler.Requests(b.T.Context(), b.NS)
	b.must(err)
	return doppler, b.proxy.Counts()
}

// ticks waits until something else in the same operator happened n times, a
// second apart.
func (b *bed) ticks(n int) {
	b.T.Helper()
	b.Apply(clock)
	for range n {
		before := b.ExternalSecret("clock").Status.RefreshTime
		b.Eventually(func() error {
			if now := b.ExternalSecret("clock").Status.RefreshTime; now.Equal(before) {
				return errors.New("the clock stands still; " + b.States())
			}
			return nil
		})
	}
}

const clock = `
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: clock}
spec: {provider: {fake: {data: [{key: tick, value: tock}]}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: clock}
spec:
  secretStoreRef: {name: clock}
  refreshInterval: 1s
  data: [{secretKey: tick, remoteRef: {key: tick}}]
`
