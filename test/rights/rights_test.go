// Package rights holds the test that docs/rights.yaml is enough.
package rights

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

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
	unique := strings.NewReplacer("name: tacit\n", "name: tacit-$NS\n", "name: tacit}", "name: tacit-$NS}")
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
		o.Config, o.LeaderElect, o.LeaderNamespace = cfg, true, b.NS
	})
	walk(b)
}
