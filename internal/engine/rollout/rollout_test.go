package rollout_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	os.Exit(testkit.Main(m, "internal/controller/rollouts/testdata/argo.yaml"))
}

// events collects what a Runner tells.
type events struct {
	mu  sync.Mutex
	all []string
}

func (e *events) Event(obj runtime.Object, _, reason, message string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ref := obj.(*corev1.ObjectReference)
	e.all = append(e.all, fmt.Sprintf("%s %s/%s %s: %s", ref.APIVersion, ref.Kind, ref.Name, reason, message))
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.all, "\n")
}

// bed is a namespace and a Runner.
type bed struct {
	client.Client
	t      *testing.T
	ns     string
	runner *rollout.Runner
	events *events
	now    time.Time
}

func newBed(t *testing.T) *bed {
	t.Helper()
	plane := testkit.SharedPlane(t)
	c := testkit.Client(t, plane)
	b := &bed{Client: c, t: t, ns: testkit.Namespace(t, plane), events: &events{}, now: time.Now()}
	limit := rollout.NewLimit(60, 1)
	b.runner = &rollout.Runner{
		Reader: c, Writer: c, Key: secret.Key{1}, Limit: limit, News: b.events, Warnings: b.events,
		Metrics: rollout.NewMetrics(limit), Now: func() time.Time { return b.now },
	}
	return b
}

// make makes a workload, and returns its name.
func (b *bed) make(kind, name string) delivery.Workload {
	b.t.Helper()
	gvk, _ := rollout.KindOf(kind)
	u := &unstructured.Unstructured{}
	text := `{spec: {serviceName: x, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: main, image: x}]}}}}`
	if kind == "CronJob" {
		text = `{spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: x}]}}}}}}`
	}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		b.t.Fatal(err)
	}
	if kind != "StatefulSet" {
		unstructured.RemoveNestedField(u.Object, "spec", "serviceName")
	}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(b.ns)
	u.SetName(name)
	if err := b.Create(b.t.Context(), u); err != nil {
		b.t.Fatal(err)
	}
	return delivery.Workload{Kind: kind, Namespace: b.ns, Name: name}
}

func (b *bed) get(w delivery.Workload) *unstructured.Unstructured {
	b.t.Helper()
	u := &unstructured.Unstructured{}
	gvk, _ := rollout.KindOf(w.Kind)
	u.SetGroupVersionKind(gvk)
	if err := b.Get(b.t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: w.Name}, u); err != nil {
		b.t.Fatal(err)
	}
	return u
}

// restart asks for a restart, and checks the answer.
func (b *bed) restart(w delivery.Workload, trigger, version string, want bool) {
	b.t.Helper()
	got, err := b.runner.Restart(b.t.Context(), w, trigger, version)
	if err != nil || got != want {
		b.t.Fatalf("Restart(%s, %s, %s) = %v, %v, want %v", w, trigger, version, got, err, want)
	}
}

// refused asks for a restart that must fail, with a message that has all
// parts.
func (b *bed) refused(w delivery.Workload, kind delivery.ErrorKind, parts ...string) (retryAfter time.Duration) {
	b.t.Helper()
	got, err := b.runner.Restart(b.t.Context(), w, "VaultSyncStatus/x", "v9")
	var failure *delivery.Error
	if got || !errors.As(err, &failure) || failure.Kind != kind {
		b.t.Fatalf("got %v, %v, want a failure of kind %s", got, err, kind)
	}
	for _, p := range parts {
		if !strings.Contains(failure.Message, p) {
			b.t.Errorf("the message %q lacks %q", failure.Message, p)
		}
	}
	return failure.RetryAfter
}

func TestRestartOnceForEachVersion(t *testing.T) {
	t.Parallel()
	for kind, field := range map[string][]string{
		"Deployment":  {"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"},
		"StatefulSet": {"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"},
		"DaemonSet":   {"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"},
		"Rollout":     {"spec", "restartAt"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			w := b.make(kind, "web")
			steps := []struct {
				trigger, version string
				want             bool
			}{
				{"VaultSyncStatus/a", "version-1", true}, {"VaultSyncStatus/a", "version-1", false}, {"VaultSyncStatus/b", "version-1", true},
				{"VaultSyncStatus/a", "version-1", false}, {"VaultSyncStatus/a", "version-2", true}, {"VaultSyncStatus/b", "version-1", false},
			}
			for _, s := range steps {
				b.now = b.now.Add(time.Minute)
				b.restart(w, s.trigger, s.version, s.want)
				at, _, err := unstructured.NestedString(b.get(w).Object, field...)
				if now := b.now.UTC().Format(time.RFC3339); err != nil || (at == now) != s.want {
					t.Errorf("%s %s: restarted at %q, now is %q", s.trigger, s.version, at, now)
				}
			}
			record, _ := rollout.ReadRecord(b.get(w).GetAnnotations())
			if len(record) != 2 || strings.Contains(fmt.Sprint(record), "version-") {
				t.Errorf("the record is %v", record)
			}
			if said := b.events.String(); strings.Count(said, "Reloaded") != 3 || !strings.Contains(said, kind+"/web Reloaded: Changes detected in VaultSyncStatus/a") {
				t.Errorf("it told %s", said)
			}
		})
	}
}

func TestRestartKeepsWhatElseIsRecorded(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := b.make("Deployment", "web")
	patch := `{"metadata":{"annotations":{"tacit.dev/rolled-out":"{\"Secret/app\":\"abcd.efgh\"}","mine":"too"}}}`
	if err := b.Patch(t.Context(), b.get(w), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
	b.restart(w, "VaultSyncStatus/a", "v1", true)
	annotations := b.get(w).GetAnnotations()
	record, known := rollout.ReadRecord(annotations)
	if !known || len(record) != 2 || record["Secret/app"] != "abcd.efgh" || annotations["mine"] != "too" {
		t.Errorf("the annotations are %v", annotations)
	}
}

func TestRestartSaysWhyNot(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := b.make("Deployment", "web")
	b.refused(delivery.Workload{Kind: "Deployment", Namespace: b.ns, Name: "none"}, delivery.RolloutFailed, "Deployment "+b.ns+"/none does not exist")
	b.refused(b.make("CronJob", "job"), delivery.RolloutRefused, "no pods of its own")
	b.refused(delivery.Workload{Kind: "Pod", Namespace: b.ns, Name: "x"}, delivery.RolloutRefused, "Pod")
	if _, err := b.runner.Restart(t.Context(), w, "Secret/app", "v1"); delivery.KindOf(err) != delivery.RolloutRefused {
		t.Errorf("a trigger that reads like a Secret: %v", err)
	}
	set := func(patch string) {
		if err := b.Patch(t.Context(), b.get(w), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	set(`{"metadata":{"annotations":{"tacit.dev/rollouts":"paused"}}}`)
	b.refused(w, delivery.RolloutFailed, "tacit.dev/rollouts")
	set(`{"metadata":{"annotations":{"tacit.dev/rollouts":null}},"spec":{"paused":true}}`)
	b.refused(w, delivery.RolloutFailed, "is paused", "kubectl rollout resume")
	set(`{"spec":{"paused":false}}`)
	b.restart(w, "VaultSyncStatus/a", "v1", true)
}

func TestRestartWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	one, two := b.make("Deployment", "one"), b.make("Deployment", "two")
	b.restart(one, "VaultSyncStatus/a", "v1", true)
	wait := b.refused(two, delivery.RolloutFailed, "60 workloads a minute")
	if wait <= 0 || wait > time.Second || b.runner.Limit.Waiting() != 1 {
		t.Errorf("try again after %v; %d wait", wait, b.runner.Limit.Waiting())
	}
	if n := value(t, b.runner.Metrics, "tacit_rollouts_waiting"); n != 1 {
		t.Errorf("the gauge says %v", n)
	}
	b.now = b.now.Add(wait)
	b.restart(two, "VaultSyncStatus/x", "v9", true)
	if n := b.runner.Limit.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// value sums a metric up.
func value(t *testing.T, c prometheus.Collector, name string) (sum float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestRestartExplainsRights(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := b.make("Deployment", "web")
	config := testkit.SharedPlane(t).Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	nobody, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.runner.Writer = nobody
	b.refused(w, delivery.RolloutFailed, "forbids", "restart", "get and patch")
	b.runner.Reader = nobody
	b.refused(w, delivery.RolloutFailed, "forbids", "read")
	if n := value(t, b.runner.Metrics, "tacit_rollouts_total"); n != 1 {
		t.Errorf("counted %v failures of a write, want 1", n)
	}
}
