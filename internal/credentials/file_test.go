package credentials_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/credentials"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestFilesOfTheOperatorsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	operators := delivery.StoreRef{Kind: "VaultSyncStatus", Name: "vault"}
	tenants := delivery.StoreRef{Kind: "SecretStore", Namespace: "team", Name: "s"}
	for name, c := range map[string]struct {
		store             delivery.StoreRef
		path, want, fails string
	}{
		"a token":             {operators, put("token", []byte("hvs.x\n")), "hvs.x\n", ""},
		"for a tenant":        {tenants, put("other", []byte("hvs.y")), "", "is out of reach"},
		"not there":           {operators, filepath.Join(dir, "none"), "", "does not exist"},
		"empty":               {operators, put("empty", nil), "", "is empty"},
		"a folder":            {operators, dir, "", "could not be read"},
		"more than any token": {operators, put("huge", bytes.Repeat([]byte("x"), 1<<20+1)), "", "is no credential"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			creds := credentials.Resolver{}.For(c.store, "team")
			got, err := creds.Resolve(t.Context(), delivery.Credential{Kind: delivery.FromFile, Name: c.path})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || backend.KindOf(err) != backend.Misconfigured {
					t.Errorf("error %v, want a misconfiguration that says %q", err, c.fails)
				}
				return
			}
			if err != nil || string(got.Reveal()) != c.want {
				t.Errorf("got %q, %v; want %q", got.Reveal(), err, c.want)
			}
		})
	}
}

func TestAFileIsReadAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	creds := credentials.Resolver{}.For(delivery.StoreRef{Kind: "VaultSyncStatus", Name: "vault"}, "team")
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := creds.Resolve(t.Context(), delivery.Credential{Kind: delivery.FromFile, Name: path})
		if err != nil || string(got.Reveal()) != want {
			t.Errorf("got %q, %v; want %q", got.Reveal(), err, want)
		}
	}
}
