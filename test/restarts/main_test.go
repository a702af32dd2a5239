// Package restarts holds the tests of operators that come and go: what they
// leave undone, what they must not do twice, and what must not come out of
// them whatever they serve. No operator of these tests serves the whole
// cluster, so that they do not meet.
package restarts

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/status"
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

// bed is two namespaces, a project of Doppler's, and what operators that serve
// both namespaces are started with.
type bed struct {
	*operatortest.Bed
	other   string
	doppler *testkit.Doppler
	// vaultToken is the file with the token for VaultSyncStatuses.
	vaultToken string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	return newSerialBed(t)
}

// newSerialBed is for tests that nobody else may disturb.
func newSerialBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{Bed: operatortest.WithoutOperator(t), vaultToken: filepath.Join(t.TempDir(), "VAULT_TOKEN")}
	b.other = testkit.Namespace(t, b.Plane)
	b.doppler = testkit.SharedClouds(t).Doppler
	b.must(os.WriteFile(b.vaultToken, []byte(b.Vault.RootToken+"\n"), 0o600))
	return b
}

func (b *bed) must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// one is one operator.
type one struct {
	*testkit.Tap
	registry *prometheus.Registry
	out      *operatortest.Logs
	stop     func()
}

// serve runs an operator of both namespaces, which has every language on.
func (b *bed) serve(change ...func(*operator.Options)) *one {
	b.T.Helper()
	return b.serveThrough(nil, change...)
}

// serveThrough is serve with a fault from the first request on.
func (b *bed) serveThrough(fault func(*http.Request) error, change ...func(*operator.Options)) *one {
	b.T.Helper()
	o := &one{Tap: &testkit.Tap{}, registry: prometheus.NewRegistry(), out: &operatortest.Logs{}}
	o.Set(fault, nil)
	_, o.stop = b.Operate(func(opts *operator.Options) {
		opts.Namespaces, opts.HomeNamespace = []string{b.NS, b.other}, b.NS
		opts.Registerer = o.registry
		opts.Log = logr.FromSlogHandler(slog.NewTextHandler(o.out, &slog.HandlerOptions{Level: slog.Level(-100)}))
		opts.Rollouts.PerMinute = -1
		opts.Languages.KubedEverywhere = true
		opts.Languages.DopplerNamespaces = []string{b.NS}
		vss := &opts.Languages.VaultSyncStatus
		vss.Interval = time.Second
		vss.Vault = delivery.VaultConfig{Server: b.VaultAddr,
			Auth: delivery.VaultAuth{Token: &delivery.Credential{Kind: delivery.FromFile, Name: b.vaultToken}}}
		for _, f := range change {
			f(opts)
		}
		opts.Config = o.Config(opts.Config)
	})
	return o
}

// apply is Apply with $OTHER for the other namespace.
func (b *bed) apply(manifest string) {
	b.T.Helper()
	b.Apply(strings.ReplaceAll(manifest, "$OTHER", b.other))
}

// keep writes a Secret with one value under the key k.
func (b *bed) keep(name, value string) {
	b.T.Helper()
	b.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s}, stringData: {k: %q}}", name, value))
}

// table is what `tacit status` prints of both namespaces.
func (b *bed) table() []status.Row {
	b.T.Helper()
	return b.Table(operator.LanguageOptions{KubedEverywhere: true, DopplerNamespaces: []string{b.NS}}, b.NS, b.other)
}

// tableText is the same as it is printed.
func (b *bed) tableText() string {
	b.T.Helper()
	var text bytes.Buffer
	b.must(status.Write(&text, b.table(), status.Style{Wide: true, Now: time.Now()}))
	return text.String()
}

// ended waits until the table says of every object of a kind whether it is
// ready, as wanted.
func (b *bed) ended(kind string, want map[string]string) {
	b.T.Helper()
	b.Eventually(func() error {
		got := map[string]status.Row{}
		for _, row := range b.table() {
			if row.Kind == kind && row.Namespace == b.NS {
				got[row.Name] = row
			}
		}
		for name, ready := range want {
			if row := got[name]; row.Ready != ready {
				return fmt.Errorf("%s %s is %q: %s; want %s", kind, name, row.Ready, row.Message, ready)
			}
		}
		return nil
	})
}

// in returns a Secret of a namespace, nil if there is none.
func (b *bed) in(namespace, name string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{}
	err := b.Get(b.T.Context(), types.NamespacedName{Namespace: namespace, Name: name}, s)
	if client.IgnoreNotFound(err) != nil {
		b.T.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return s
}

// holdsIn waits until the Secret has the value under the key.
func (b *bed) holdsIn(namespace, name, key, value string) *corev1.Secret {
	b.T.Helper()
	var s *corev1.Secret
	b.Eventually(func() error {
		if s = b.in(namespace, name); s == nil || string(s.Data[key]) != value {
			return fmt.Errorf("%s/%s does not hold %s=%q\n%s", namespace, name, key, value, b.tableText())
		}
		return nil
	})
	return s
}

// deployment is a manifest of one that has variables of a Secret.
func deployment(name, annotations, secret string) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, annotations: {%[2]s}}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: main, image: x, envFrom: [{secretRef: {name: %[3]s, optional: true}}]}]}
`, name, annotations, secret)
}

const (
	auto   = `reloader.stakater.com/auto: "true"`
	reload = `secrets.doppler.com/reload: "true"`
)

func (b *bed) deployed(name string) *appsv1.Deployment {
	b.T.Helper()
	d := &appsv1.Deployment{}
	b.must(b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: name}, d))
	return d
}

// sets waits until the Deployment has had so many ReplicaSets: every rollout
// adds one.
func (b *bed) sets(name string, want int) {
	b.T.Helper()
	b.Eventually(func() error {
		list := &appsv1.ReplicaSetList{}
		b.must(b.List(b.T.Context(), list, client.InNamespace(b.NS), client.MatchingLabels{"app": name}))
		if len(list.Items) != want {
			return fmt.Errorf("%d ReplicaSets of %s, want %d\n%s", len(list.Items), name, want, b.tableText())
		}
		return nil
	})
}

// recorded waits until the Deployment says which Secret it runs with, and not
// that it runs without.
func (b *bed) recorded(name, secret string) string {
	b.T.Helper()
	digest := ""
	b.Eventually(func() error {
		r, _ := rollout.ReadRecord(b.deployed(name).Annotations)
		if digest = r["Secret/"+secret]; digest == "" || strings.HasSuffix(digest, ".-") {
			return fmt.Errorf("the record of %s is %v", name, r)
		}
		return nil
	})
	return digest
}

// settled proves that all that was to do for what was changed so far is done:
// a Deployment of its own is restarted after it.
func (b *bed) settled() {
	b.T.Helper()
	name := fmt.Sprintf("probe-%d", time.Now().UnixNano())
	b.keep(name, "one")
	b.apply(deployment(name, auto, name))
	b.recorded(name, name)
	b.sets(name, 1)
	b.keep(name, "two")
	b.sets(name, 2)
}

// gone waits until there is no Secret of that name.
func (b *bed) gone(namespace, name string) {
	b.T.Helper()
	b.Eventually(func() error {
		if b.in(namespace, name) != nil {
			return fmt.Errorf("Secret %s/%s is still there\n%s", namespace, name, b.tableText())
		}
		return nil
	})
}
