package operator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
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

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// patience is how long anything may take before a test gives up. No test
// passes by waiting this long.
const patience = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(testkit.Main(m, "config/crd")) }

// shared is the operator that serves the whole cluster and most tests. It
// ends with the process.
var shared struct {
	once sync.Once
	logs logs
}

// logs collects what an operator prints at its most talkative.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// options of an operator under test.
func options(cfg *rest.Config, out io.Writer) operator.Options {
	return operator.Options{
		Config: cfg, MetricsAddress: "0", ProbeAddress: "0", Class: "default", Pause: 50 * time.Millisecond,
		Registerer: prometheus.NewRegistry(),
		Log:        logr.FromSlogHandler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-10)})),
	}
}

// bed is a namespace of a test's own, with the operator at work.
type bed struct {
	client.Client
	t     *testing.T
	plane *testkit.Plane
	vault *testkit.Vault
	ns    string
}

// withShared returns a bed served by the operator that most tests share.
func withShared(t *testing.T) *bed {
	t.Helper()
	b := withoutOperator(t)
	shared.once.Do(func() {
		o := options(b.plane.Config(), &shared.logs)
		go func() {
			if err := operator.Run(context.Background(), o); err != nil {
				fmt.Fprintln(os.Stderr, "operator:", err)
			}
		}()
	})
	return b
}

// withOwn returns a bed served by an operator of its own, and the function
// that stops it; change adapts its options.
func withOwn(t *testing.T, change func(*operator.Options)) (b *bed, out *logs, stop func()) {
	t.Helper()
	b = withoutOperator(t)
	out, stop = b.operate(func(o *operator.Options) {
		o.Namespaces = []string{b.ns}
		if change != nil {
			change(o)
		}
	})
	return b, out, stop
}

// operate runs one more operator until stop or the test's end.
func (b *bed) operate(change func(*operator.Options)) (out *logs, stop func()) {
	b.t.Helper()
	out = &logs{}
	o := options(b.plane.Config(), out)
	change(&o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("operator: %v\n%s", err, out)
		}
	})
	b.t.Cleanup(stop)
	return out, stop
}

func withoutOperator(t *testing.T) *bed {
	t.Helper()
	plane, vault := testkit.SharedPlane(t), testkit.SharedVault(t)
	return &bed{
		Client: testkit.Client(t, plane, esv1.AddToScheme), t: t,
		plane: plane, vault: vault, ns: testkit.Namespace(t, plane),
	}
}

// apply creates or replaces the objects of a manifest. $NS, $VAULT and $TOKEN
// stand for the test's namespace, Vault's address and its root token; objects
// without a namespace go to the test's.
func (b *bed) apply(manifest string) {
	b.t.Helper()
	manifest = strings.NewReplacer("$NS", b.ns, "$VAULT", b.vault.Addr, "$TOKEN", b.vault.RootToken).Replace(manifest)
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := docs.Decode(obj); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.t.Fatalf("manifest: %v\n%s", err, manifest)
		}
		if obj.GetKind() == "" {
			continue
		}
		if obj.GetNamespace() == "" && obj.GetKind() != "ClusterSecretStore" {
			obj.SetNamespace(b.ns)
		}
		if obj.GetNamespace() == "" {
			b.t.Cleanup(func() { _ = b.Delete(context.Background(), obj) })
		}
		err := b.Apply(b.t.Context(), client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("test"), client.ForceOwnership)
		if err != nil {
			b.t.Fatalf("apply %s %s: %v", obj.GetKind(), obj.GetName(), err)
		}
	}
}

// vaultStore is a SecretStore that reads KV v2 with the root token.
const vaultStore = `
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

// put writes a secret to Vault, below the test's namespace.
func (b *bed) put(path string, data map[string]any) {
	b.t.Helper()
	if err := b.vault.Put(b.t.Context(), b.ns+"/"+path, data); err != nil {
		b.t.Fatal(err)
	}
}

// secret returns a Secret, or nil if there is none.
func (b *bed) secret(name string) *corev1.Secret {
	b.t.Helper()
	s := &corev1.Secret{}
	err := b.Get(b.t.Context(), types.NamespacedName{Namespace: b.ns, Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// eventually waits for check.
func (b *bed) eventually(check func() error) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, check)
}

// holds waits until the Secret's data is exactly want.
func (b *bed) holds(name string, want map[string]string) *corev1.Secret {
	b.t.Helper()
	var s *corev1.Secret
	b.eventually(func() error {
		if s = b.secret(name); s == nil {
			return fmt.Errorf("no Secret %s; %s", name, b.states())
		}
		got := map[string]string{}
		for k, v := range s.Data {
			got[k] = string(v)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("Secret %s holds %v, want %v; %s", name, got, want, b.states())
		}
		return nil
	})
	return s
}

// es returns an ExternalSecret.
func (b *bed) es(name string) *esv1.ExternalSecret {
	b.t.Helper()
	es := &esv1.ExternalSecret{}
	if err := b.Get(b.t.Context(), types.NamespacedName{Namespace: b.ns, Name: name}, es); err != nil {
		b.t.Fatal(err)
	}
	return es
}

// states tells the conditions of all ExternalSecrets and stores, for messages.
func (b *bed) states() string {
	var all []string
	list := &esv1.ExternalSecretList{}
	_ = b.List(b.t.Context(), list, client.InNamespace(b.ns))
	for _, es := range list.Items {
		for _, c := range es.Status.Conditions {
			all = append(all, fmt.Sprintf("es %s: %s %s: %s", es.Name, c.Status, c.Reason, c.Message))
		}
	}
	stores := &esv1.SecretStoreList{}
	_ = b.List(b.t.Context(), stores, client.InNamespace(b.ns))
	for _, s := range stores.Items {
		for _, c := range s.Status.Conditions {
			all = append(all, fmt.Sprintf("store %s: %s %s: %s", s.Name, c.Status, c.Reason, c.Message))
		}
	}
	return strings.Join(all, "; ")
}

// ready waits until the ExternalSecret's Ready condition, for its present
// generation, has this status and reason and its message contains all parts.
func (b *bed) ready(name string, status corev1.ConditionStatus, reason string, parts ...string) *esv1.ExternalSecret {
	b.t.Helper()
	var es *esv1.ExternalSecret
	b.eventually(func() error {
		es = b.es(name)
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
		return fmt.Errorf("%s has no Ready condition; %s", name, b.states())
	})
	return es
}

// synced waits for the usual success.
func (b *bed) synced(name string) *esv1.ExternalSecret {
	b.t.Helper()
	return b.ready(name, corev1.ConditionTrue, "SecretSynced")
}

// failed waits for the usual failure with the cause in its message.
func (b *bed) failed(name string, parts ...string) *esv1.ExternalSecret {
	b.t.Helper()
	return b.ready(name, corev1.ConditionFalse, "SecretSyncedError", parts...)
}

// poke asks for a sync as users do.
func (b *bed) poke(name string) {
	b.t.Helper()
	es := b.es(name)
	patch := client.MergeFrom(es.DeepCopy())
	metav1.SetMetaDataAnnotation(&es.ObjectMeta, "force-sync", time.Now().Format(time.RFC3339Nano))
	if err := b.Patch(b.t.Context(), es, patch); err != nil {
		b.t.Fatal(err)
	}
}

// event waits for an event about the ExternalSecret.
func (b *bed) event(name, reason string, parts ...string) {
	b.t.Helper()
	b.eventually(func() error {
		list := &corev1.EventList{}
		if err := b.List(b.t.Context(), list, client.InNamespace(b.ns)); err != nil {
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
