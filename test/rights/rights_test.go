// Package rights holds the test that docs/rights.yaml is enough.
package rights

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

const binding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: KIND
metadata: {name: tacit}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tacit}
subjects: [{kind: ServiceAccount, name: tacit, namespace: $NS}]
`

// road uses what an operator needs rights for: a store's credentials, a
// template in a ConfigMap, events, a status, and a Secret that is made, changed
// and deleted.
const road = operatortest.VaultStore + `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: templates}
data: {url: "postgres://app:{{ .password }}@db"}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target:
    deletionPolicy: Delete
    template:
      templateFrom: [{configMap: {name: templates, items: [{key: url}]}}]
  data:
  - secretKey: password
    remoteRef: {key: $NS/db, property: password}
`

// limited returns a bed, and the way in of a service account that has the
// documented rights by a binding of that kind.
func limited(t *testing.T, kind string) (*operatortest.Bed, *rest.Config) {
	t.Helper()
	b := operatortest.WithoutOperator(t)
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	role, err := os.ReadFile(filepath.Join(root, "docs", "rights.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// Of its own, for the tests run in parallel and clean up.
	unique := strings.NewReplacer("name: tacit\n", "name: tacit-$NS\n", "name: tacit}", "name: tacit-$NS}",
		"name: tacit-service-accounts\n", "name: tacit-service-accounts-$NS\n")
	b.Apply(unique.Replace(string(role)) + "---" + strings.Replace(unique.Replace(binding), "KIND", kind, 1))
	cfg := rest.CopyConfig(b.Plane.Config())
	cfg.Impersonate.UserName = "system:serviceaccount:" + b.NS + ":tacit"
	return b, cfg
}

func walk(b *operatortest.Bed) {
	b.T.Helper()
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(road)
	b.Holds("app", map[string]string{"url": "postgres://app:one@db"})
	b.Synced("app")
	b.Event("app", "Created")
	b.Put("db", map[string]any{"password": "two"})
	b.Poke("app")
	b.Holds("app", map[string]string{"url": "postgres://app:two@db"})
	if err := b.Vault.Destroy(b.T.Context(), b.NS+"/db"); err != nil {
		b.T.Fatal(err)
	}
	b.Poke("app")
	b.Ready("app", "True", "SecretDeleted")
}

// others uses what the other languages need rights for, beside $OTHER, a second
// namespace: copies of Secrets and ConfigMaps there, a config of Doppler, and
// workloads that restart.
const others = `
apiVersion: v1
kind: Secret
metadata: {name: source}
stringData: {k: one}
---
apiVersion: mirrors.kts.studio/v1alpha2
kind: SecretMirror
metadata: {name: source}
spec:
  source: {name: source}
  destination: {type: namespaces, namespaces: ["^$OTHER$"]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  annotations:
    reflector.v1.k8s.emberstack.com/reflection-allowed: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-enabled: "true"
    reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: $OTHER
data: {k: one}
---
apiVersion: v1
kind: Secret
metadata: {name: doppler}
stringData: {serviceToken: $SERVICE}
---
apiVersion: secrets.doppler.com/v1alpha1
kind: DopplerSecret
metadata: {name: app}
spec:
  host: $DOPPLER
  tokenSecret: {name: doppler}
  managedSecret: {name: from-doppler, namespace: $NS}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {reloader.stakater.com/auto: "true"}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, envFrom: [{secretRef: {name: source}}]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick, annotations: {reloader.stakater.com/auto: "true"}}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: tick, image: tick, envFrom: [{secretRef: {name: source}}]}]}
`

// walkOthers checks that nothing of that is refused.
func walkOthers(b *operatortest.Bed) {
	b.T.Helper()
	other := testkit.Namespace(b.T, b.Plane)
	clouds := testkit.SharedClouds(b.T)
	token, err := clouds.Doppler.Config(b.T.Context(), b.NS, "prd", map[string]string{"K": "one"})
	if err != nil {
		b.T.Fatal(err)
	}
	manifest := strings.NewReplacer("$OTHER", other, "$SERVICE", token).Replace(others)
	b.Apply(manifest)
	b.Eventually(func() error {
		s := b.Secret("from-doppler")
		if s == nil || string(s.Data["K"]) != "one" {
			return errors.New("nothing came from Doppler")
		}
		for _, obj := range []client.Object{&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "tick"}}} {
			if err := b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: obj.GetName()}, obj); err != nil {
				return err
			}
			if obj.GetAnnotations()["tacit.dev/rolled-out"] == "" {
				return fmt.Errorf("%s has no record", obj.GetName())
			}
		}
		return b.Get(b.T.Context(), types.NamespacedName{Namespace: other, Name: "settings"}, &corev1.ConfigMap{})
	})
	b.Apply(strings.ReplaceAll(manifest, "{k: one}", "{k: two}"))
	b.Eventually(func() error {
		copied, settings, web, jobs := &corev1.Secret{}, &corev1.ConfigMap{}, &appsv1.Deployment{}, &batchv1.JobList{}
		err := errors.Join(
			b.Get(b.T.Context(), types.NamespacedName{Namespace: other, Name: "source"}, copied),
			b.Get(b.T.Context(), types.NamespacedName{Namespace: other, Name: "settings"}, settings),
			b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: "web"}, web),
			b.List(b.T.Context(), jobs, client.InNamespace(b.NS)),
		)
		restarted := len(web.Spec.Template.Spec.Containers) > 0 && len(web.Spec.Template.Spec.Containers[0].Env) > 0
		if err != nil || string(copied.Data["k"]) != "two" || settings.Data["k"] != "two" || !restarted || len(jobs.Items) != 1 {
			return fmt.Errorf("copies %q and %q, restarted %v, %d jobs: %w", copied.Data["k"], settings.Data["k"], restarted, len(jobs.Items), err)
		}
		return nil
	})
	mirror := &mirrorsv1.SecretMirror{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "source"}}
	if err := b.Delete(b.T.Context(), mirror); err != nil {
		b.T.Fatal(err)
	}
	b.Eventually(func() error {
		err := b.Get(b.T.Context(), types.NamespacedName{Namespace: other, Name: "source"}, &corev1.Secret{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("the copy outlives its SecretMirror: %w", err)
	})
}

func TestARoleInItsNamespaceIsEnough(t *testing.T) {
	t.Parallel()
	b, cfg := limited(t, "RoleBinding")
	b.Operate(func(o *operator.Options) { o.Config, o.Namespaces = cfg, []string{b.NS} })
	walk(b)
}

func TestTheClusterRoleIsEnough(t *testing.T) {
	t.Parallel()
	b, cfg := limited(t, "ClusterRoleBinding")
	b.Operate(func(o *operator.Options) {
		o.Config, o.LeaderElect, o.LeaderNamespace, o.HomeNamespace = cfg, true, b.NS, b.NS
	})
	walk(b)
	walkOthers(b)
}

// TestARightThatIsMissingHoldsUpNothingElse: without the rights for one language
// and one kind of workload, all others are served, and the log says what is
// missing. Given the right, the language is served too.
func TestARightThatIsMissingHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	b, cfg := limited(t, "ClusterRoleBinding")
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "tacit-" + b.NS}}
	if err := b.Get(b.T.Context(), types.NamespacedName{Name: role.Name}, role); err != nil {
		t.Fatal(err)
	}
	rules := slices.Clone(role.Rules)
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "dopplersecrets") || slices.Contains(r.Resources, "cronjobs")
	})
	if err := b.Update(b.T.Context(), role); err != nil {
		t.Fatal(err)
	}
	log, _ := b.Operate(func(o *operator.Options) { o.Config, o.HomeNamespace = cfg, b.NS })
	walk(b)
	b.Eventually(func() error {
		for _, want := range []string{"list dopplersecrets.secrets.doppler.com in the whole cluster", "list cronjobs.batch in the whole cluster"} {
			if !strings.Contains(log.String(), want) {
				return fmt.Errorf("the log does not say that it may not %s", want)
			}
		}
		return nil
	})
	role.Rules = rules
	if err := b.Update(b.T.Context(), role); err != nil {
		t.Fatal(err)
	}
	b.Eventually(func() error {
		if !strings.Contains(log.String(), "msg=serving language=doppler") {
			return errors.New("doppler is not served")
		}
		return nil
	})
}

// TestTheRightToActAsServiceAccountsStandsApart: without it everything else
// works, and who would need it is told; it can be given for one account alone.
func TestTheRightToActAsServiceAccountsStandsApart(t *testing.T) {
	t.Parallel()
	b, cfg := limited(t, "ClusterRoleBinding")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Vault.JWTAuth(t.Context(), b.Plane))
	must(b.Vault.JWTRole(t.Context(), b.NS, b.NS, "app", "vault", testkit.ReadOnly("secret/data/"+b.NS)))
	must(b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}))
	b.Operate(func(o *operator.Options) { o.Config, o.HomeNamespace = cfg, b.NS })
	walk(b)
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: jwt}
spec:
  provider:
    vault:
      server: $VAULT
      path: secret
      auth: {jwt: {path: jwt, role: $NS, kubernetesServiceAccountToken: {serviceAccountRef: {name: app}, audiences: [vault]}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: mine}
spec:
  secretStoreRef: {name: jwt}
  dataFrom: [{extract: {key: $NS/db}}]
`)
	b.Failed("mine", "no right to act as ServiceAccount "+b.NS+"/app")
	b.Apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: act-as-app}
rules: [{apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [app], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: act-as-app}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: act-as-app}
subjects: [{kind: ServiceAccount, name: tacit, namespace: $NS}]
`)
	b.Holds("mine", map[string]string{"password": "one"})
}
