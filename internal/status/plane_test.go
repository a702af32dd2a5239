package status

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/dialect/externalsecrets"
	"github.com/tacit-secrets/tacit/internal/dialect/mirrors"
	"github.com/tacit-secrets/tacit/internal/dialect/reflector"
	"github.com/tacit-secrets/tacit/internal/dialect/vaultsyncstatus"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m, "config/crd")) }

// canary stands in every Secret of these tests, and may be in no table.
const canary = "canary-51d7"

// spoken are languages of each sort: with stores, with a spread, with
// annotations, without a status subresource, and one that nobody serves.
func spoken() []dialect.Language {
	return []dialect.Language{
		{
			Name:       "external-secrets.io/v1",
			Stores:     []dialect.Stores{externalsecrets.SecretStores(), externalsecrets.ClusterSecretStores()},
			Deliveries: []dialect.Deliveries{externalsecrets.ExternalSecrets()},
		},
		{Name: "mirrors.kts.studio/v1alpha2", Deliveries: []dialect.Deliveries{mirrors.SecretMirrors(mirrors.Options{})}},
		{Name: "kubernetes-reflector", Deliveries: []dialect.Deliveries{reflector.New("Secret"), reflector.New("ConfigMap")}},
		{Name: "stable.example.com/v1", Deliveries: []dialect.Deliveries{vaultsyncstatus.VaultSyncStatuses(vaultsyncstatus.Options{})}},
		{Name: "unheard-of.example.com/v1", Deliveries: []dialect.Deliveries{unheardOf{}}},
	}
}

// unheardOf is a kind that no API server serves.
type unheardOf struct{ dialect.Deliveries }

func (unheardOf) Kind() dialect.Kind {
	gvk := schema.GroupVersionKind{Group: "unheard-of.example.com", Version: "v1", Kind: "Thing"}
	return dialect.Kind{
		GVK: gvk, Namespaced: true,
		New: func() client.Object { return &unstructured.Unstructured{} },
		NewList: func() client.ObjectList {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(gvk.GroupVersion().WithKind("ThingList"))
			return list
		},
	}
}

// bench is a cluster with namespaces of a test's own.
type bench struct {
	t      *testing.T
	client client.Client
	team   string
	copies string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	plane := testkit.SharedPlane(t)
	c, err := client.New(plane.Config(), client.Options{Scheme: whole(t)})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t, c, testkit.Namespace(t, plane), testkit.Namespace(t, plane)}
}

// whole knows the kinds of Kubernetes too.
func whole(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := Scheme(spoken())
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, rbacv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// apply makes the objects of a manifest, $TEAM and $COPIES being namespaces.
func (b *bench) apply(manifest string) {
	b.t.Helper()
	manifest = strings.NewReplacer("$TEAM", b.team, "$COPIES", b.copies, "$CANARY", canary).Replace(manifest)
	for doc := range strings.SplitSeq(manifest, "\n---\n") {
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &obj.Object); err != nil {
			b.t.Fatalf("%v in\n%s", err, doc)
		}
		if obj.GetNamespace() == "" {
			obj.SetNamespace(b.team)
		}
		if err := b.client.Create(b.t.Context(), obj); err != nil {
			b.t.Fatalf("%v in\n%s", err, doc)
		}
	}
}

// gather is the table of the test's own namespace.
func (b *bench) gather(change func(*Gatherer)) (map[string]Row, []string) {
	b.t.Helper()
	g := &Gatherer{
		Client: b.client, Languages: spoken(), Workloads: []dialect.Workloads{dopplerreload.New()},
		Namespace: b.team, page: 2,
	}
	if change != nil {
		change(g)
	}
	table, err := g.Gather(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, r := range table.Rows {
		if r.Namespace == b.team {
			rows[r.Kind+" "+r.Name] = r
		}
	}
	if text := written(b.t, table.Rows, Style{Wide: true}); strings.Contains(text, canary) || strings.Contains(text, "Y2FuYXJ5") {
		b.t.Errorf("a value is in the table:\n%s", text)
	}
	return rows, table.Notes
}

// are asserts that these rows alone are in the table, each with cells that begin
// so: from, to, ready and message.
func (b *bench) are(rows map[string]Row, wants map[string]string) {
	b.t.Helper()
	for name, want := range wants {
		row, ok := rows[name]
		cells := cells(&row, Style{Wide: true})
		got := strings.Join([]string{cells[4], cells[5], cells[6], cells[10]}, " | ")
		got = strings.NewReplacer(b.team, "TEAM", b.copies, "COPIES").Replace(got)
		if !ok || !strings.HasPrefix(got, want) {
			b.t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		delete(rows, name)
	}
	for name := range rows {
		b.t.Errorf("%s is in the table, and asks for nothing", name)
	}
}

const everything = `
apiVersion: v1
kind: Secret
metadata:
  name: tls
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: $COPIES
stringData: {key: $CANARY}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: ca
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: "($COPIES"
data: {key: $CANARY}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: mirror}
spec:
  source: {name: origin}
  destination: {namespaces: ["^$COPIES$"]}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec:
  provider:
    vault: {server: "http://vault.example.com:8200", path: secret, auth: {tokenSecretRef: {name: token, key: token}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {name: app-secret}
  data:
  - secretKey: password
    remoteRef: {key: db, property: password}
---
apiVersion: stable.example.com/v1
kind: VaultSyncStatus
metadata: {name: app}
spec: {deployName: app, deployNamespace: $TEAM, secretEngine: secret, secretPath: app, timeStamp: never}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: reloaded
  annotations: {secrets.doppler.com/reload: "true"}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: silent}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: a}]}
`

// TestEveryLanguageInOneTable reads objects of several languages from a real
// API server, before anybody served them.
func TestEveryLanguageInOneTable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(strings.TrimSpace(everything))
	rows, notes := b.gather(nil)
	if len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	b.are(rows, map[string]string{
		"Secret tls":          "Secret TEAM/tls | Secret tls in 0 of 1 namespace | False | no copy in COPIES; the events of the object say why",
		"ConfigMap ca":        "ConfigMap TEAM/ca | ConfigMap ca in 0 namespaces | False | reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: ",
		"SecretMirror mirror": "Secret TEAM/origin | Secret origin in 0 of 1 namespace | ",
		"SecretStore vault":   "vault.example.com:8200 | - | Unknown | the operator has not reported",
		"ExternalSecret app":  "SecretStore/vault: db#password | Secret TEAM/app-secret | Unknown | the operator has not reported",
		"VaultSyncStatus app": "vault: secret/data/app | Deployment TEAM/app | Unknown | the operator has not reported",
		"Deployment reloaded": "Secrets in use | Deployment TEAM/reloaded | Unknown | the operator has not noted yet",
	})
}

// TestNoCopyIsMissedWhereNoneIsMade: a source meant for all namespaces is well
// with a copy in each that is not protected. One that is there counts.
func TestNoCopyIsMissedWhereNoneIsMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(strings.TrimSpace(everything))
	protecting := func(g *Gatherer) { g.Protected = []string{"kube-system", b.copies} }
	told := func(want string) {
		t.Helper()
		rows, _ := b.gather(protecting)
		row := rows["Secret tls"]
		if got := (&Row{}).places(row.To, Style{}); got != want || row.Ready != True || row.Message != "" {
			t.Errorf("it goes to %q, want %q, and is %s: %q", got, want, row.Ready, row.Message)
		}
	}
	told("Secret tls in 0 namespaces")
	b.apply(`
apiVersion: v1
kind: Secret
metadata:
  name: tls
  namespace: $COPIES
  annotations: {reflector.v1.k8s.emberstack.com/reflects: $TEAM/tls, reflector.v1.k8s.emberstack.com/auto-reflects: "True"}
stringData: {key: $CANARY}`)
	told("Secret tls in 1 namespace")
}

// TestWhatIsReportedIsShown has the dialects report, and finds it in the
// table: of a kind without a status subresource too, whose every write counts
// as a generation.
func TestWhatIsReportedIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(strings.TrimSpace(everything))
	now := time.Now()
	out := delivery.Outcome{Result: delivery.Synced, Sources: delivery.SourcesOutcome{Version: "2026-08-01T12:00:00Z"}, Rollout: delivery.RolloutOutcome{Restarted: true}, Destination: delivery.DestinationOutcome{Places: 1}, At: now}
	for _, lang := range spoken()[:4] {
		for _, d := range lang.Deliveries {
			if kind := d.Kind(); !kind.Annotated {
				b.report(d, map[string]string{"SecretMirror": "mirror"}[kind.GVK.Kind], out, now)
			}
		}
	}
	b.apply(`
apiVersion: v1
kind: Secret
metadata:
  name: tls
  namespace: $COPIES
  annotations:
    reflector.v1.k8s.emberstack.com/reflects: $TEAM/tls
    reflector.v1.k8s.emberstack.com/auto-reflects: "True"
    reflector.v1.k8s.emberstack.com/reflected-at: "2026-08-01T12:00:00Z"
stringData: {key: $CANARY}
---
apiVersion: v1
kind: Secret
metadata:
  name: follower
  namespace: $COPIES
  annotations:
    reflector.v1.k8s.emberstack.com/reflects: $TEAM/tls
    reflector.v1.k8s.emberstack.com/auto-reflects: "False"
    reflector.v1.k8s.emberstack.com/reflected-version: "1"
    reflector.v1.k8s.emberstack.com/reflected-at: "2026-08-01T12:00:00Z"
---
apiVersion: v1
kind: Secret
metadata:
  name: origin
  namespace: $COPIES
  annotations: {mirrors.kts.studio/owned-by: $TEAM/mirror}
stringData: {key: $CANARY}
`)
	rows, _ := b.gather(nil)
	for _, name := range []string{"ExternalSecret app", "VaultSyncStatus app", "SecretMirror mirror", "Secret tls"} {
		if row := rows[name]; row.Ready != True || row.LastSuccess == nil || strings.Contains(row.Message, "not") {
			t.Errorf("%s is %s since %v: %q", name, row.Ready, row.LastSuccess, row.Message)
		}
	}
	if got := rows["SecretMirror mirror"].LastChange; got == nil || now.Sub(*got).Abs() > time.Hour {
		t.Errorf("the copy was changed %v, want about %v", got, now)
	}
	if got := rows["VaultSyncStatus app"].Restarted; got == nil || now.Sub(*got) > 2*time.Second {
		t.Errorf("restarted %v, want %v", got, now)
	}
	for name, want := range map[string]string{
		"SecretMirror mirror": "Secret origin in 1 namespace",
		"Secret tls":          "Secret tls in 1 namespace, 1 follower",
	} {
		if got := (&Row{}).places(rows[name].To, Style{}); got != want {
			t.Errorf("%s goes to %q, want %q", name, got, want)
		}
	}
}

// report writes what a dialect reports of an object, as the operator does.
func (b *bench) report(d dialect.Deliveries, name string, out delivery.Outcome, now time.Time) {
	b.t.Helper()
	if name == "" {
		name = "app"
	}
	kind, obj := d.Kind(), d.Kind().New()
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Namespace: b.team, Name: name}, obj); err != nil {
		b.t.Fatal(err)
	}
	d.Report(obj, out, now)
	var err error
	if kind.Whole {
		err = b.client.Update(b.t.Context(), obj)
	} else {
		err = b.client.Status().Update(b.t.Context(), obj)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestARestartIsDated by what the API server noted of the operator's writes.
func TestARestartIsDated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(strings.TrimSpace(everything))
	patch := func(body string) {
		t.Helper()
		w := &unstructured.Unstructured{}
		w.SetAPIVersion("apps/v1")
		w.SetKind("Deployment")
		w.SetNamespace(b.team)
		w.SetName("reloaded")
		if err := b.client.Patch(t.Context(), w, client.RawPatch("application/merge-patch+json", []byte(body)), client.FieldOwner("tacit")); err != nil {
			t.Fatal(err)
		}
	}
	patch(`{"metadata":{"annotations":{"tacit.dev/rolled-out":"{\"Secret/db\":\"x\",\"VaultSyncStatus team/app\":\"y\"}"}}}`)
	rows, _ := b.gather(nil)
	row := rows["Deployment reloaded"]
	if got := (&Row{}).places(row.From, Style{}); row.Ready != True || row.Restarted != nil || got != "Secret "+b.team+"/db" {
		t.Errorf("with a record and never restarted: %+v, from %q", row, got)
	}
	patch(`{"spec":{"paused":true}}`)
	if rows, _ = b.gather(nil); rows["Deployment reloaded"].Restarted != nil {
		t.Error("to be paused counts as a restart")
	}
	began := time.Now().Truncate(time.Second)
	patch(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`)
	rows, _ = b.gather(nil)
	if at := rows["Deployment reloaded"].Restarted; at == nil || at.Before(began) || at.After(time.Now()) {
		t.Errorf("restarted at %v, want it since %v", at, began)
	}
	patch(`{"metadata":{"annotations":{"tacit.dev/rollouts":"paused"}}}`)
	rows, _ = b.gather(nil)
	if row := rows["Deployment reloaded"]; row.Ready != False || !strings.Contains(row.Message, "paused") {
		t.Errorf("paused by its annotation: %+v", row)
	}
}

// TestOnlyWhatTheUserMaySee shows the table of somebody with few rights.
func TestOnlyWhatTheUserMaySee(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(strings.TrimSpace(everything) + `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: some}
rules:
- {apiGroups: [external-secrets.io], resources: [externalsecrets], verbs: [list]}
- {apiGroups: [""], resources: [secrets], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: some}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: some}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}]
`)
	cfg := testkit.SharedPlane(t).Config()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: "reader"}
	c, err := client.New(cfg, client.Options{Scheme: whole(t)})
	if err != nil {
		t.Fatal(err)
	}
	// The authorizer learns of a new Role a moment after it was made.
	testkit.Eventually(t, 2*time.Minute, func() error { return c.List(t.Context(), &corev1.SecretList{}, client.InNamespace(b.team)) })
	rows, notes := b.gather(func(g *Gatherer) { g.Client = c })
	if len(rows) != 2 || rows["ExternalSecret app"].Name == "" || rows["Secret tls"].Name == "" {
		t.Errorf("rows %v", rows)
	}
	if got := rows["Secret tls"]; got.Ready != Unknown || got.To[0].Wanted != nil {
		t.Errorf("copies that nobody could count: %+v", got)
	}
	text := strings.Join(notes, "\n")
	for _, want := range []string{
		"you may not list SecretStore in namespace " + b.team, "you may not list Secrets in all namespaces",
		"you may not list Namespaces", "you may not list Deployments",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no note says %q:\n%s", want, text)
		}
	}
}

// TestNoCluster names what cannot be reached.
func TestNoCluster(t *testing.T) {
	t.Parallel()
	c, err := client.New(&rest.Config{Host: "http://127.0.0.1:1"}, client.Options{Scheme: whole(t)})
	if err != nil {
		t.Fatal(err)
	}
	table, err := (&Gatherer{Client: c, Languages: spoken()}).Gather(t.Context())
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v, error %v", table, err)
	}
	if fmt.Sprint(table.Rows) != "[]" {
		t.Errorf("rows %v beside an error", table.Rows)
	}
}
