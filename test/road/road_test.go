package road_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// password delivers one key of Vault under the test's namespace.
const password = `
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  data:
  - secretKey: password
    remoteRef: {key: $NS/db, property: password}
`

func TestASecretInVaultBecomesASecretAndStaysTrueToIt(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + "---" + password)
	b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")
	b.Event("app", "Created")

	b.Put("db", map[string]any{"password": "two"})
	b.Poke("app")
	b.Holds("app", map[string]string{"password": "two"})
	b.Event("app", "Updated")
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + "---" + password)
	s := b.Holds("app", map[string]string{"password": "one"})

	patch := client.MergeFrom(s.DeepCopy())
	s.Data["password"], s.Data["other"] = []byte("wrong"), []byte("stray")
	if err := b.Patch(t.Context(), s, patch); err != nil {
		t.Fatal(err)
	}
	s = b.Holds("app", map[string]string{"password": "one"})

	if err := b.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	b.Holds("app", map[string]string{"password": "one"})
}
