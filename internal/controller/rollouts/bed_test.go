package rollouts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/controller/rights"
	"github.com/tacit-secrets/tacit/internal/controller/rollouts"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

const patience = 2 * time.Minute

// bed is a namespace with what restarts workloads at work.
type bed struct {
	client.Client
	t     *testing.T
	plane *testkit.Plane
	ns    string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	plane := testkit.SharedPlane(t)
	return &bed{Client: testkit.Client(t, plane), t: t, plane: plane, ns: testkit.Namespace(t, plane)}
}

// key is the same for all operators of a test, as it is in a cluster.
var key = secret.Key{1, 2, 3}

// running is one operator.
type running struct {
	*rollouts.Rollouts
	runner  *rollout.Runner
	secrets *objects.Watch
	stop    func()
}

// setup is how an operator under test differs from the usual.
type setup struct {
	rollouts.Options
	limit  *rollout.Limit
	config *rest.Config
	key    secret.Key
	now    func() time.Time
}

// clock is a time that hardly passes but when a test says so, however long the
// machine takes: whoever is to wait for his turn does.
type clock struct {
	began time.Time

	mu    sync.Mutex
	ahead time.Duration
}

// on has an operator live by the clock. What waits there looks at it again
// when as much of our own time has passed.
func (c *clock) on(s *setup) {
	c.began = time.Now()
	s.now = c.now
	s.Window = time.Nanosecond // else a change would wait for others until then
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began.Add(time.Since(c.began)/10_000 + c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func languages() []dialect.Workloads {
	return []dialect.Workloads{reloader.New(reloader.Options{}), dopplerreload.New()}
}

// operate runs an operator in the bed's namespace until the test ends.
func (b *bed) operate(change func(*setup)) *running {
	b.t.Helper()
	s := setup{config: b.plane.Config(), limit: rollout.NewLimit(-1, 0), key: key, now: time.Now}
	s.Languages = languages()
	if change != nil {
		change(&s)
	}
	scheme := runtime.NewScheme()
	b.must(clientgoscheme.AddToScheme(scheme))
	skip, grace := true, patience
	mgr, err := ctrl.NewManager(s.config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Logger:                  logr.FromSlogHandler(slog.NewTextHandler(io.Discard, nil)),
		Controller:              config.Controller{SkipNameValidation: &skip},
		GracefulShutdownTimeout: &grace,
		Cache: cache.Options{
			DefaultTransform: rollouts.Transform(s.Languages, cache.TransformStripManagedFields()), DefaultNamespaces: map[string]cache.Config{b.ns: {}},
			DefaultUnsafeDisableDeepCopy: &skip, ReaderFailOnMissingInformer: true,
		},
	})
	b.must(err)
	core, err := corev1client.NewForConfigAndClient(s.config, mgr.GetHTTPClient())
	b.must(err)
	recorder := mgr.GetEventRecorderFor("tacit") //nolint:staticcheck // the operator's recorders are of this kind
	runner := &rollout.Runner{
		Reader: mgr.GetAPIReader(), Writer: mgr.GetClient(), Key: s.key, Limit: s.limit, News: recorder, Warnings: recorder,
		Metrics: rollout.NewMetrics(s.limit), Now: s.now,
	}
	s.Runner, s.Core = runner, core
	meta, err := metadata.NewForConfigAndClient(s.config, mgr.GetHTTPClient())
	b.must(err)
	watch := func(kind string) *objects.Watch {
		w := objects.New(objects.Options{Client: meta, Kind: kind, Namespaces: []string{b.ns}, Kept: []string{"reloader.stakater.com/", "secrets.doppler.com/subtype"}})
		b.must(mgr.Add(w))
		return w
	}
	secrets := watch("Secret")
	s.Secrets, s.ConfigMaps = secrets, watch("ConfigMap")
	if s.Pause == 0 {
		s.Pause = 50 * time.Millisecond
	}
	reviews, err := authorizationv1client.NewForConfigAndClient(s.config, mgr.GetHTTPClient())
	b.must(err)
	s.Rights = &rights.Checker{Mapper: mgr.GetRESTMapper(), Reviews: reviews.SelfSubjectAccessReviews(), Namespaces: []string{b.ns}}
	r, err := rollouts.Add(mgr, s.Options)
	b.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("operator: %v", err)
		}
	})
	b.t.Cleanup(stop)
	return &running{r, runner, secrets, stop}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// apply creates or changes the objects of a manifest in the bed's namespace.
func (b *bed) apply(manifest string) {
	b.t.Helper()
	docs := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := docs.Decode(obj); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.t.Fatalf("manifest: %v\n%s", err, manifest)
		}
		obj.SetNamespace(b.ns)
		b.must(b.Apply(b.t.Context(), client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("test"), client.ForceOwnership))
	}
}

// secret writes a Secret with one value.
func (b *bed) secret(name, value string) {
	b.t.Helper()
	b.apply(fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s}, stringData: {k: %q}}", name, value))
}

// configMap writes a ConfigMap with one value.
func (b *bed) configMap(name, value string) {
	b.t.Helper()
	b.apply(fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}, data: {k: %q}}", name, value))
}

// workload is a manifest. Annotations are the workload's own; env is what the
// container has variables of, "Secret/name" or "ConfigMap/name".
func workload(kind, name, annotations string, env ...string) string {
	var from []string
	for _, e := range env {
		k, n, _ := strings.Cut(e, "/")
		from = append(from, map[string]string{"Secret": "{secretRef: {name: ", "ConfigMap": "{configMapRef: {name: "}[k]+n+", optional: true}}")
	}
	template := fmt.Sprintf(`{metadata: {labels: {app: %s}}, spec: {containers: [{name: main, image: x, envFrom: [%s]}]}}`, name, strings.Join(from, ", "))
	group, rest := "apps/v1", ""
	switch kind {
	case "StatefulSet":
		rest = ", serviceName: x"
	case "Rollout":
		group = "argoproj.io/v1alpha1"
	case "CronJob":
		group = "batch/v1"
		template = strings.Replace(template, "containers:", "restartPolicy: Never, containers:", 1)
		return fmt.Sprintf(`{apiVersion: %s, kind: %s, metadata: {name: %s, annotations: {%s}}, spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: %s}}}}`,
			group, kind, name, annotations, template)
	}
	return fmt.Sprintf(`{apiVersion: %s, kind: %s, metadata: {name: %s, annotations: {%s}}, spec: {selector: {matchLabels: {app: %s}}, template: %s%s}}`,
		group, kind, name, annotations, name, template, rest)
}

// get returns a workload as it is.
func (b *bed) get(kind, name string) *unstructured.Unstructured {
	b.t.Helper()
	u := &unstructured.Unstructured{}
	gvk, _ := rollout.KindOf(kind)
	u.SetGroupVersionKind(gvk)
	b.must(b.Get(b.t.Context(), types.NamespacedName{Namespace: b.ns, Name: name}, u))
	return u
}

func (b *bed) deployment(name string) *appsv1.Deployment {
	b.t.Helper()
	d := &appsv1.Deployment{}
	b.must(b.Get(b.t.Context(), types.NamespacedName{Namespace: b.ns, Name: name}, d))
	return d
}

// eventually waits for check.
func (b *bed) eventually(check func() error) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, check)
}

// recorded waits until the workload's record has exactly these entries.
func (b *bed) recorded(kind, name string, entries ...string) rollout.Record {
	b.t.Helper()
	var r rollout.Record
	b.eventually(func() error {
		r, _ = rollout.ReadRecord(b.get(kind, name).GetAnnotations())
		if len(r) != len(entries) {
			return fmt.Errorf("the record of %s is %v, want entries %q", name, r, entries)
		}
		for _, e := range entries {
			if r[e] == "" {
				return fmt.Errorf("the record of %s is %v, want entries %q", name, r, entries)
			}
		}
		return nil
	})
	return r
}

// env returns the value of a variable of the deployment's container.
func (b *bed) env(name, variable string) string {
	b.t.Helper()
	for _, e := range b.deployment(name).Spec.Template.Spec.Containers[0].Env {
		if e.Name == variable {
			return e.Value
		}
	}
	return ""
}

// marked waits until the variable has another value than before.
func (b *bed) marked(name, variable, before string) (value string) {
	b.t.Helper()
	b.eventually(func() error {
		if value = b.env(name, variable); value == before {
			return fmt.Errorf("%s of %s is still %q", variable, name, value)
		}
		return nil
	})
	return value
}

// sets waits until the Deployment has had so many ReplicaSets.
func (b *bed) sets(name string, want int) {
	b.t.Helper()
	b.eventually(func() error {
		list := &appsv1.ReplicaSetList{}
		b.must(b.List(b.t.Context(), list, client.InNamespace(b.ns), client.MatchingLabels{"app": name}))
		if len(list.Items) != want {
			return fmt.Errorf("%d ReplicaSets of %s, want %d", len(list.Items), name, want)
		}
		return nil
	})
}

// event waits for an event about the workload.
func (b *bed) event(name, reason string, parts ...string) {
	b.t.Helper()
	b.eventually(func() error {
		list := &corev1.EventList{}
		b.must(b.List(b.t.Context(), list, client.InNamespace(b.ns)))
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

// settled proves that all that was to do for what was changed so far is done:
// a workload of its own is restarted after it.
func (b *bed) settled() {
	b.t.Helper()
	b.secret("probe", "1")
	b.apply(workload("Deployment", "probe", `reloader.stakater.com/auto: "true"`, "Secret/probe"))
	b.recorded("Deployment", "probe", "Secret/probe")
	before := b.env("probe", "STAKATER_PROBE_SECRET")
	b.secret("probe", time.Now().String())
	b.marked("probe", "STAKATER_PROBE_SECRET", before)
}
