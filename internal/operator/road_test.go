package operator_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
	b := withShared(t)
	b.put("db", map[string]any{"password": "one"})
	b.apply(vaultStore + "---" + password)
	b.holds("app", map[string]string{"password": "one"})
	b.synced("app")
	b.event("app", "Created")

	b.put("db", map[string]any{"password": "two"})
	b.poke("app")
	b.holds("app", map[string]string{"password": "two"})
	b.event("app", "Updated")
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	b := withShared(t)
	b.put("db", map[string]any{"password": "one"})
	b.apply(vaultStore + "---" + password)
	s := b.holds("app", map[string]string{"password": "one"})

	patch := client.MergeFrom(s.DeepCopy())
	s.Data["password"], s.Data["other"] = []byte("wrong"), []byte("stray")
	if err := b.Patch(t.Context(), s, patch); err != nil {
		t.Fatal(err)
	}
	s = b.holds("app", map[string]string{"password": "one"})

	if err := b.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	b.holds("app", map[string]string{"password": "one"})
}
