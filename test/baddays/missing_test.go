package baddays

import (
	"errors"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestOnlyTheStoresOwnWordDeletes: of all answers that read like "not found",
// the policy Delete acts on those in which the store itself says so.
func TestOnlyTheStoresOwnWordDeletes(t *testing.T) {
	t.Parallel()
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		b := delivered(t, "Delete")
		must(t, b.Vault.Delete(t.Context(), b.NS+"/db"))
		b.Poke("app")
		b.Ready("app", "True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")
		b.Event("app", "Deleted")
		if b.Secret("app") != nil {
			t.Error("the Secret is still there")
		}
		b.Put("db", map[string]any{"password": "back"})
		b.Poke("app")
		b.Holds("app", map[string]string{"password": "back"})
	})
	t.Run("destroyed", func(t *testing.T) {
		t.Parallel()
		b := delivered(t, "Delete")
		must(t, b.Vault.Destroy(t.Context(), b.NS+"/db"))
		b.Poke("app")
		b.Ready("app", "True", "SecretDeleted")
	})
	t.Run("deleted but retained", func(t *testing.T) {
		t.Parallel()
		b := delivered(t, "Retain")
		before := b.Secret("app")
		must(t, b.Vault.Delete(t.Context(), b.NS+"/db"))
		b.Poke("app")
		b.Failed("app", "could not get secret data from provider: ", "it was deleted")
		b.Event("app", "UpdateFailed", "it was deleted")
		untouched(b, before)
	})
	t.Run("never there, and Orphan", func(t *testing.T) {
		t.Parallel()
		b := operatortest.WithShared(t)
		b.Apply(operatortest.VaultStore + `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {creationPolicy: Orphan, deletionPolicy: Delete}
  data: [{secretKey: password, remoteRef: {key: $NS/db, property: password}}]
`)
		b.Failed("app", "could not delete secret", "creationPolicy Owner")
	})
	for name, break_ := range map[string]func(b *operatortest.Bed) (says string){
		"a property that is not there": func(b *operatortest.Bed) string {
			b.Put("db", map[string]any{"other": "x"})
			return `"password"`
		},
		"rights taken away": func(b *operatortest.Bed) string {
			token, err := b.Vault.Token(t.Context(), testkit.ReadOnly("secret/data/elsewhere"))
			must(t, err)
			s := b.Secret("vault-token")
			s.Data["token"] = []byte(token)
			must(t, b.Update(t.Context(), s))
			// Until the watch of Secrets brings that, the token before is good.
			b.Eventually(func() error {
				b.Poke("app")
				if s := b.States(); !strings.Contains(s, "SecretSyncedError") {
					return errors.New(s)
				}
				return nil
			})
			return "permission denied"
		},
		"another mount": func(b *operatortest.Bed) string {
			b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec: {provider: {vault: {server: $VAULT, path: nomount, auth: {tokenSecretRef: {name: vault-token, key: token}}}}}
`)
			return "nomount"
		},
		"the other version of the engine": func(b *operatortest.Bed) string {
			b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec: {provider: {vault: {server: $VAULT, path: secret, version: v1, auth: {tokenSecretRef: {name: vault-token, key: token}}}}}
`)
			return "version"
		},
		"an engine of version 1 read as version 2": func(b *operatortest.Bed) string {
			must(b.T, b.Vault.PutV1(t.Context(), b.NS+"/db", map[string]any{"password": "v1"}))
			b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec: {provider: {vault: {server: $VAULT, path: kv1, auth: {tokenSecretRef: {name: vault-token, key: token}}}}}
`)
			return "kv1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := delivered(t, "Delete")
			before := b.Secret("app")
			says := break_(b)
			b.Poke("app")
			b.Failed("app", "could not get secret data from provider: ", says)
			b.Event("app", "UpdateFailed", says)
			untouched(b, before)
		})
	}
}

// delivered is a bed whose Secret app holds a password of Vault's.
func delivered(t *testing.T, deletion string) *operatortest.Bed {
	t.Helper()
	b := operatortest.WithShared(t)
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + app(deletion))
	b.Holds("app", map[string]string{"password": "one"})
	b.Synced("app")
	return b
}
