package mirrors_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// file reads a manifest of the example.
func file(t *testing.T, name string) string {
	t.Helper()
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", "mirrors", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The manifests as they are published, in the namespaces that they name. What
// is put in their place is where the two Vaults listen, and the AppRoles.
func TestTheExampleRunsAsItIs(t *testing.T) {
	b := newBed(t)
	b.NS = "default"
	second, err := testkit.StartVault(t.Context(), testkit.VaultOptions{})
	b.Must(err)
	t.Cleanup(func() { b.Must(second.Stop()) })
	addresses := strings.NewReplacer("http://127.0.0.1:8200", b.VaultAddr, "http://127.0.0.1:8201", second.Addr)
	apply := func(name string) { t.Helper(); b.Apply(addresses.Replace(file(t, name))) }

	db := testkit.SharedPostgres(t)
	b.Must(b.Vault.Admin.Sys().MountWithContext(t.Context(), "mongodb", &api.MountInput{Type: "database"}))
	b.Must(b.Vault.Lending(t.Context(), db, "mongodb", "somedb", "1h", "2h"))
	rules := testkit.ReadWrite("secret/data") + `path "mongodb/creds/somedb" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
`
	apply("1-namespaces.yaml")
	b.Apply(logins(t, b, second, rules))

	// The article: Pending until the Secret is there.
	apply("3-secret-to-namespaces.yaml")
	for _, ns := range []string{"project-a-main", "project-b-main"} {
		b.Has(ns, "mysecret", "username", "hellothere", "password", "generalkenobi")
	}
	b.Active("mysecret-mirror", "in 2 namespaces")
	apply("4-secret-to-vault.yaml")
	b.Active("myvaultsecret-mirror-reverse")
	apply("5-vault-to-namespaces.yaml")
	b.Has("project-c-main", "myvaultsecret-sync", "username", "hellothere", "password", "generalkenobi")

	apply("6-dynamic-credentials.yaml")
	lent := b.HasThat("default", "mongo-creds", func(s *corev1.Secret) error {
		return db.Login(t.Context(), mirrortest.User(s), string(s.Data["password"]))
	})

	b.Must(b.Vault.Put(t.Context(), "mysecret", map[string]any{"from": "one to the other"}))
	apply("7-vault-to-vault.yaml")
	b.Eventually(func() error {
		got, err := second.Admin.KVv2("secret").Get(t.Context(), "mysecret")
		if err != nil {
			return err
		}
		if got.Data["from"] != "one to the other" {
			return fmt.Errorf("the second Vault holds %v", got.Data)
		}
		return nil
	})

	for _, name := range []string{"mysecret-mirror", "myvaultsecret-mirror-reverse", "myvaultsecret-mirror",
		"secretmirror-from-vault-mongo-to-ns", "secretmirror-from-vault-to-vault"} {
		b.Active(name)
		b.Remove(b.Mirror(name))
		b.Left(name)
	}
	b.Gone("project-a-main", "mysecret")
	b.Gone("project-c-main", "myvaultsecret-sync")
	b.Gone("default", "mongo-creds")
	b.Eventually(func() error {
		if db.Login(t.Context(), mirrortest.User(lent), string(lent.Data["password"])) == nil {
			return fmt.Errorf("what was lent still opens the database")
		}
		return nil
	})
}

// logins are the AppRoles of the example with ids of theirs.
func logins(t *testing.T, b mirrortest.Bed, second *testkit.Vault, rules string) string {
	t.Helper()
	docs := strings.Split(file(t, "2-logins.yaml"), "\n---\n")
	name := regexp.MustCompile(`name: (\S+)`)
	for i, doc := range docs {
		vault := b.Vault
		if name.FindStringSubmatch(doc)[1] == "vault2-approle" {
			vault = second
		}
		id, secret, err := vault.AppRole(t.Context(), rules)
		b.Must(err)
		docs[i] = strings.NewReplacer("your-role-id", id, "your-secret-id", secret).Replace(doc)
	}
	return strings.Join(docs, "\n---\n")
}
