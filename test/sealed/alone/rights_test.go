package alone_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// bindings give the documented rights in the namespace that is served, and in
// that of the keys no more than the rights on Secrets that they say.
const bindings = `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tacit}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tacit-$NS}
subjects: [{kind: ServiceAccount, name: tacit, namespace: $NS}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tacit-keys, namespace: $NS-keys}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tacit-keys, namespace: $NS-keys}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tacit-keys}
subjects: [{kind: ServiceAccount, name: tacit, namespace: $NS}]
`

// TestTheDocumentedRightsSuffice for all that becomes of a SealedSecret, its
// keys included.
func TestTheDocumentedRightsSuffice(t *testing.T) {
	t.Parallel()
	b := newBed(t, 0)
	root, err := testkit.Root()
	b.Must(err)
	role, err := os.ReadFile(filepath.Join(root, "docs", "rights.yaml"))
	b.Must(err)
	b.Apply(strings.Replace(string(role), "name: tacit\n", "name: tacit-$NS\n", 1) + bindings)
	b.serve(func(o *operator.Options) {
		o.Config = rest.CopyConfig(o.Config)
		o.Config.Impersonate.UserName = "system:serviceaccount:" + b.NS + ":tacit"
	})
	key := &b.ring(1)[0]
	b.Apply("apiVersion: v1\nkind: Secret\nmetadata: {name: app}\n")
	b.Apply(sealedtest.Manifest("app", values{"k": b.sealFor(key, b.NS+"/app", "one")}, "", ""))
	b.Fails("app", "already exists")
	b.Event("app", "ErrUpdateFailed")
	b.Annotate("app", "sealedsecrets.bitnami.com/managed", "true")
	b.Holds("app", values{"k": "one"})
	b.Owned("app", true)
	b.Synced("app")
	b.Event("app", "Unsealed")
	b.Must(b.Delete(t.Context(), b.Secret("app")))
	b.Holds("app", values{"k": "one"})
}
