// Package operatortest runs operators against the real control plane and the
// real Vault, in a namespace of each test's own.
package operatortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	sealedv1alpha1 "github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Patience is how long anything may take before a test gives up. No test
// passes by waiting this long.
const Patience = 2 * time.Minute

// Main is the TestMain of a package whose tests use beds.
func Main(m *testing.M) { os.Exit(testkit.Main(m, "config/crd")) }

// shared is the operator that serves the whole cluster and most tests. It
// ends with the process.
var shared struct {
	once sync.Once
	logs Logs
}

// Logs collects what an operator prints at its most talkative.
type Logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// options of an operator under test.
func options(cfg *rest.Config, out io.Writer) operator.Options {
	return operator.Options{
		Config: cfg, MetricsAddress: "0", ProbeAddress: "0", Class: "default", Pause: 50 * time.Millisecond,
		Registerer: prometheus.NewRegistry(),
		Languages: operator.LanguageOptions{
			// The Doppler of the sandbox listens there.
			DopplerHosts: []string{"127.0.0.1"},
			// Keys of the usual size take seconds to make.
			Sealed: operator.SealedOptions{Bits: 2048},
		},
		Log: logr.FromSlogHandler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-10)})),
	}
}

// Bed is a namespace of a test's own, with the operator at work.
type Bed struct {
	client.Client
	T     *testing.T
	Plane *testkit.Plane
	Vault *testkit.Vault
	NS    string
	// VaultAddr is what $VAULT stands for; a test may put a proxy there.
	VaultAddr string
}

// WithShared returns a bed served by the operator that most tests share.
func WithShared(t *testing.T) *Bed {
	t.Helper()
	b := WithoutOperator(t)
	shared.once.Do(func() {
		o := options(b.Plane.Config(), &shared.logs)
		go func() {
			if err := operator.Run(context.Background(), o); err != nil {
				fmt.Fprintln(os.Stderr, "operator:", err)
			}
		}()
	})
	return b
}

// WithOwn returns a bed served by an operator of its own, and the function
// that stops it; change adapts its options.
func WithOwn(t *testing.T, change func(*operator.Options)) (b *Bed, out *Logs, stop func()) {
	t.Helper()
	b = WithoutOperator(t)
	out, stop = b.Operate(func(o *operator.Options) {
		o.Namespaces = []string{b.NS}
		if change != nil {
			change(o)
		}
	})
	return b, out, stop
}

// Operate runs one more operator until stop or the test's end.
func (b *Bed) Operate(change func(*operator.Options)) (out *Logs, stop func()) {
	b.T.Helper()
	out = &Logs{}
	o := options(b.Plane.Config(), out)
	change(&o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.T.Errorf("operator: %v\n%s", err, out)
		}
	})
	b.T.Cleanup(stop)
	return out, stop
}

// WithoutOperator returns a bed that no operator serves yet.
func WithoutOperator(t *testing.T) *Bed {
	t.Helper()
	plane, vault := testkit.SharedPlane(t), testkit.SharedVault(t)
	return &Bed{
		Client: testkit.Client(t, plane, esv1.AddToScheme, mirrorsv1.AddToScheme, dopplerv1.AddToScheme, vssv1.AddToScheme, sealedv1alpha1.AddToScheme),
		T:      t, Plane: plane, Vault: vault, NS: testkit.Namespace(t, plane), VaultAddr: vault.Addr,
	}
}

// Apply creates or replaces the objects of a manifest. $NS, $VAULT, $TOKEN and
// $DOPPLER stand for the test's namespace, Vault's address and its root token,
// and the address of the sandbox's Doppler; objects without a namespace go to
// the test's.
func (b *Bed) Apply(manifest string) {
	b.T.Helper()
	if strings.Contains(manifest, "$DOPPLER") {
		manifest = strings.ReplaceAll(manifest, "$DOPPLER", testkit.SharedClouds(b.T).Doppler.Addr)
	}
	manifest = strings.NewReplacer("$NS", b.NS, "$VAULT", b.VaultAddr, "$TOKEN", b.Vault.RootToken).Replace(manifest)
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := docs.Decode(obj); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.T.Fatalf("manifest: %v\n%s", err, manifest)
		}
		if obj.GetKind() == "" {
			continue
		}
		namespaced := !slices.Contains([]string{"ClusterSecretStore", "Namespace", "ClusterRole", "ClusterRoleBinding"}, obj.GetKind())
		if obj.GetNamespace() == "" && namespaced {
			obj.SetNamespace(b.NS)
		}
		if !namespaced {
			b.T.Cleanup(func() { _ = b.Delete(context.Background(), obj) })
		}
		err := b.Client.Apply(b.T.Context(), client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("test"), client.ForceOwnership)
		if err != nil {
			b.T.Fatalf("apply %s %s: %v", obj.GetKind(), obj.GetName(), err)
		}
	}
}

// VaultStore is a SecretStore that reads KV v2 with the root token.
const VaultStore = `
apiVersion: v1
kind: Secret
metadata: {name: vault-token}
stringData: {token: $TOKEN}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec:
  provider:
    vault:
      server: $VAULT
      path: secret
      auth: {tokenSecretRef: {name: vault-token, key: token}}
`

// CaughtUp waits until the operator that serves stores of the class, or all of
// them where it is empty, has seen every Secret which is in the namespace now:
// it repairs one that was edited after them. It must speak ExternalSecret.
//
// A credential that is seen later than it is used is forgotten and used anew,
// which is right, and no test that counts may take it for too much.
func (b *Bed) CaughtUp(class string) {
	b.T.Helper()
	const name = "caught-up"
	b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %[1]s}
spec:
  controller: %[2]q
  provider: {fake: {data: [{key: k, value: x}]}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %[1]s}
spec:
  secretStoreRef: {name: %[1]s}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, name, class))
	want := map[string]string{"k": "x"}
	s := b.Holds(name, want)
	patch := client.MergeFrom(s.DeepCopy())
	s.Data = map[string][]byte{"k": []byte("edited")}
	if err := b.Patch(b.T.Context(), s, patch); err != nil {
		b.T.Fatal(err)
	}
	b.Holds(name, want)
}

// Put writes a secret to Vault, below the test's namespace.
func (b *Bed) Put(path string, data map[string]any) {
	b.T.Helper()
	if err := b.Vault.Put(b.T.Context(), b.NS+"/"+path, data); err != nil {
		b.T.Fatal(err)
	}
}

// Secret returns a Secret, or nil if there is none.
func (b *Bed) Secret(name string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{}
	err := b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		b.T.Fatal(err)
	}
	return s
}

// Eventually waits for check.
func (b *Bed) Eventually(check func() error) {
	b.T.Helper()
	testkit.Eventually(b.T, Patience, check)
}

// Holds waits until the Secret's data is exactly want.
func (b *Bed) Holds(name string, want map[string]string) *corev1.Secret {
	b.T.Helper()
	var s *corev1.Secret
	b.Eventually(func() error {
		if s = b.Secret(name); s == nil {
			return fmt.Errorf("no Secret %s; %s", name, b.States())
		}
		got := map[string]string{}
		for k, v := range s.Data {
			got[k] = string(v)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("Secret %s holds %v, want %v; %s", name, got, want, b.States())
		}
		return nil
	})
	return s
}

// ExternalSecret returns an ExternalSecret.
func (b *Bed) ExternalSecret(name string) *esv1.ExternalSecret {
	b.T.Helper()
	es := &esv1.ExternalSecret{}
	if err := b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: name}, es); err != nil {
		b.T.Fatal(err)
	}
	return es
}

// States tells the conditions of all ExternalSecrets and stores, for messages.
func (b *Bed) States() string {
	var all []string
	list := &esv1.ExternalSecretList{}
	_ = b.List(b.T.Context(), list, client.InNamespace(b.NS))
	for _, es := range list.Items {
		for _, c := range es.Status.Conditions {
			all = append(all, fmt.Sprintf("es %s: %s %s: %s", es.Name, c.Status, c.Reason, c.Message))
		}
	}
	stores := &esv1.SecretStoreList{}
	_ = b.List(b.T.Context(), stores, client.InNamespace(b.NS))
	for _, s := range stores.Items {
		for _, c := range s.Status.Conditions {
			all = append(all, fmt.Sprintf("store %s: %s %s: %s", s.Name, c.Status, c.Reason, c.Message))
		}
	}
	return strings.Join(all, "; ")
}

// Ready waits until the ExternalSecret's Ready condition, for its present
// generation, has this status and reason and its message contains all parts.
func (b *Bed) Ready(name string, status corev1.ConditionStatus, reason string, parts ...string) *esv1.ExternalSecret {
	b.T.Helper()
	var es *esv1.ExternalSecret
	b.Eventually(func() error {
		es = b.ExternalSecret(name)
		for _, c := range es.Status.Conditions {
			if c.Type != "Ready" {
				continue
			}
			ok := c.Status == status && c.Reason == reason && es.Status.ObservedGeneration == es.Generation
			for _, p := range parts {
				ok = ok && strings.Contains(c.Message, p)
			}
			if ok {
				return nil
			}
			return fmt.Errorf("%s is %s %s: %q, want %s %s %q", name, c.Status, c.Reason, c.Message, status, reason, parts)
		}
		return fmt.Errorf("%s has no Ready condition; %s", name, b.States())
	})
	return es
}

// Synced waits for the usual success.
func (b *Bed) Synced(name string) *esv1.ExternalSecret {
	b.T.Helper()
	return b.Ready(name, corev1.ConditionTrue, "SecretSynced")
}

// Failed waits for the usual failure with the cause in its message.
func (b *Bed) Failed(name string, parts ...string) *esv1.ExternalSecret {
	b.T.Helper()
	return b.Ready(name, corev1.ConditionFalse, "SecretSyncedError", parts...)
}

// Poke asks for a sync as users do.
func (b *Bed) Poke(name string) {
	b.T.Helper()
	es := b.ExternalSecret(name)
	patch := client.MergeFrom(es.DeepCopy())
	metav1.SetMetaDataAnnotation(&es.ObjectMeta, "force-sync", time.Now().Format(time.RFC3339Nano))
	if err := b.Patch(b.T.Context(), es, patch); err != nil {
		b.T.Fatal(err)
	}
}

// Event waits for an event about the ExternalSecret.
func (b *Bed) Event(name, reason string, parts ...string) {
	b.T.Helper()
	b.Eventually(func() error {
		list := &corev1.EventList{}
		if err := b.List(b.T.Context(), list, client.InNamespace(b.NS)); err != nil {
			return err
		}
		var saw []string
		for _, e := range list.Items {
			if e.InvolvedObject.Name != name {
				continue
			}
			ok := e.Reason == reason
			for _, p := range parts {
				ok = ok && strings.Contains(e.Message, p)
			}
			if ok {
				return nil
			}
			saw = append(saw, e.Reason+": "+e.Message)
		}
		return fmt.Errorf("no event %s %q about %s, only %q", reason, parts, name, saw)
	})
}
