package baddays

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// namespaceRules are all that the operator needs in a namespace that it
// serves.
var namespaceRules = []rbacv1.PolicyRule{
	// It watches metadata, reads a credential or a target when it must, and
	// writes the targets.
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch", "create", "patch", "delete"}},
	// Templates and certificate authorities.
	{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}},
	// Stores that log in as a service account of their namespace.
	{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, Verbs: []string{"create"}},
	{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	// patch takes the original's finalizers off.
	{APIGroups: []string{"external-secrets.io"}, Resources: []string{"externalsecrets", "secretstores"}, Verbs: []string{"get", "list", "watch", "patch"}},
	{APIGroups: []string{"external-secrets.io"}, Resources: []string{"externalsecrets/status", "secretstores/status"}, Verbs: []string{"patch"}},
	// To be named as the owner that blocks the deletion of an ExternalSecret.
	{APIGroups: []string{"external-secrets.io"}, Resources: []string{"externalsecrets/finalizers"}, Verbs: []string{"update"}},
}

// clusterRules are what it needs beside them to serve the whole cluster.
var clusterRules = []rbacv1.PolicyRule{
	{APIGroups: []string{"external-secrets.io"}, Resources: []string{"clustersecretstores"}, Verbs: []string{"get", "list", "watch", "patch"}},
	{APIGroups: []string{"external-secrets.io"}, Resources: []string{"clustersecretstores/status"}, Verbs: []string{"patch"}},
	// Their labels, for the conditions of ClusterSecretStores.
	{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list", "watch"}},
}

// leaderRules are for the Lease, in the operator's own namespace.
var leaderRules = []rbacv1.PolicyRule{
	{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"}},
}

// reading lets a store of the kind kubernetes read one namespace.
var reading = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch"}},
	{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectrulesreviews"}, Verbs: []string{"create"}},
}

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func keyOf(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// allow gives a service account a Role in the test's namespace.
func allow(b *operatortest.Bed, account string, rules []rbacv1.PolicyRule) {
	b.T.Helper()
	meta := metav1.ObjectMeta{Namespace: b.NS, Name: account}
	must(b.T, b.Create(b.T.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}))
	must(b.T, b.Create(b.T.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: b.NS, Name: account}},
	}))
}

// as is a client configuration with the rights of a service account that it
// makes.
func as(b *operatortest.Bed, account string) *rest.Config {
	b.T.Helper()
	must(b.T, b.Create(b.T.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: account}}))
	clients, err := kubernetes.NewForConfig(b.Plane.Config())
	must(b.T, err)
	token, err := clients.CoreV1().ServiceAccounts(b.NS).CreateToken(b.T.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(b.T, err)
	cfg := b.Plane.Config()
	cfg.BearerToken = token.Status.Token
	return cfg
}

// inForce waits until the API server knows of the rights: it looks at a cache.
func inForce(b *operatortest.Bed, cfg *rest.Config) {
	b.T.Helper()
	clients, err := kubernetes.NewForConfig(cfg)
	must(b.T, err)
	b.Eventually(func() error {
		_, err := clients.CoreV1().Secrets(b.NS).List(b.T.Context(), metav1.ListOptions{})
		return err
	})
}

// externalSecretsAlone switches everything else off: what is off needs no right.
func externalSecretsAlone(o *operator.Options) {
	o.Rollouts.Off = true
	o.Languages.Without = []string{"mirrors", "doppler", "vaultsyncstatus", "sealed-secrets", "reflector", "kubed"}
}

// TestARoleAloneServesANamespace is promise 13: with a Role and nothing more,
// every feature of ExternalSecrets in a namespace works and nothing is
// forbidden. It is also GHSA-fcxq-v2r3-cc8h: no list without a namespace.
func TestARoleAloneServesANamespace(t *testing.T) {
	t.Parallel()
	b := operatortest.WithoutOperator(t)
	cfg := as(b, "tacit")
	allow(b, "tacit", append(slices.Clone(namespaceRules), leaderRules...))
	inForce(b, cfg)
	p := &testkit.Tap{}
	out, _ := b.Operate(func(o *operator.Options) {
		o.Config, o.Namespaces, o.Class = p.Config(cfg), []string{b.NS}, b.NS
		o.LeaderElect, o.LeaderNamespace = true, b.NS
		externalSecretsAlone(o)
	})
	everyFeature(b)
	for _, c := range p.Which(func(c testkit.Call) bool { return c.Status == 403 }) {
		t.Errorf("forbidden: %v", c)
	}
	for _, c := range p.Which(func(c testkit.Call) bool {
		return !c.On("selfsubjectaccessreviews") && !strings.Contains(c.Path, "/namespaces/"+b.NS+"/") && c.Path != "/api/v1" && c.Path != "/api" && strings.Count(c.Path, "/") > 3
	}) {
		t.Errorf("beyond the namespace: %v", c)
	}
	for line := range strings.Lines(out.String()) {
		// That the Lease was not renewed at once says nothing of rights.
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, " lock=") {
			t.Errorf("an error in the log: %s", line)
		}
	}
}

// TestTheLeastServesTheCluster has the rights of a ClusterRole, on a control
// plane of its own, for it would serve the objects of other tests too.
func TestTheLeastServesTheCluster(t *testing.T) {
	t.Parallel()
	b := alone(t, testkit.PlaneOptions{CRDs: []string{"config/crd"}})
	vault, err := testkit.StartVault(t.Context(), testkit.VaultOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, vault.Stop()) })
	b.Vault, b.VaultAddr = vault, vault.Addr
	cfg := as(b, "tacit")
	name := b.NS
	must(t, b.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: append(slices.Clone(namespaceRules), clusterRules...)}))
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: b.NS, Name: "tacit"}},
	}
	must(t, b.Create(t.Context(), binding))
	inForce(b, cfg)
	p := &testkit.Tap{}
	_, stop := b.Operate(func(o *operator.Options) {
		o.Config, o.Class, o.HomeNamespace = p.Config(cfg), b.NS, b.NS
		externalSecretsAlone(o)
	})
	everyFeature(b)
	b.Apply(ours(`
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: $NS}
spec:
  provider: {fake: {data: [{key: k, value: cluster}]}}
  conditions: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: cluster}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: $NS}
  data: [{secretKey: k, remoteRef: {key: k}}]
`))
	b.Holds("cluster", map[string]string{"k": "cluster"})
	b.Synced("cluster")
	for _, c := range p.Which(func(c testkit.Call) bool { return c.Status == 403 }) {
		t.Errorf("forbidden: %v", c)
	}
	stop()
}

// alone is a bed on a control plane of its own.
func alone(t *testing.T, options testkit.PlaneOptions) *operatortest.Bed {
	t.Helper()
	plane, err := testkit.StartPlane(t.Context(), options)
	must(t, err)
	t.Cleanup(func() { must(t, plane.Stop()) })
	vault := testkit.SharedVault(t)
	return &operatortest.Bed{
		Client: testkit.Client(t, plane, esv1.AddToScheme), T: t, Plane: plane, Vault: vault,
		NS: testkit.Namespace(t, plane), VaultAddr: vault.Addr,
	}
}

// everyFeature uses everything that needs a right.
func everyFeature(b *operatortest.Bed) {
	t := b.T
	t.Helper()
	must(t, b.Vault.JWTAuth(t.Context(), b.Plane))
	must(t, b.Vault.JWTRole(t.Context(), b.NS, b.NS, "app", "vault", testkit.ReadOnly("secret/data/"+b.NS)))
	must(t, b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}))
	must(t, b.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "t"}, Data: map[string]string{"t": "{{ .password }}!"}}))
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore + app("Delete") + `
---
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
metadata: {name: templated, finalizers: [externalsecrets.external-secrets.io/externalsecret-cleanup]}
spec:
  secretStoreRef: {name: jwt}
  target: {template: {templateFrom: [{configMap: {name: t, items: [{key: t}]}}]}}
  dataFrom: [{extract: {key: $NS/db}}]
`))
	b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")
	b.Event("app", "Created")
	b.Holds("templated", map[string]string{"t": "one!"})
	b.Put("db", map[string]any{"password": "two"})
	b.Poke("app")
	b.Holds("app", map[string]string{"password": "two"})
	must(t, b.Vault.Delete(t.Context(), b.NS+"/db"))
	b.Poke("app")
	b.Ready("app", "True", "SecretDeleted")
	es := b.ExternalSecret("templated")
	must(t, b.Delete(t.Context(), es))
	b.Eventually(func() error {
		if err := b.Get(t.Context(), keyOf(b.NS, "templated"), es); err == nil {
			return fmt.Errorf("the original's finalizer holds it")
		}
		return nil
	})
}
