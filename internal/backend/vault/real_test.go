package vault_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/vault"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestSuiteVersion2(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Versions: true, Metadata: true, Tags: true, Paths: true, FreeNames: true,
		New: func(t *testing.T) backendtest.Store { return newEngine(t, 2).store(t) },
	})
}

func TestSuiteVersion1(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Paths: true, FreeNames: true,
		New: func(t *testing.T) backendtest.Store { return newEngine(t, 1).store(t) },
	})
}

// TestSuiteWholePaths gives the keys of an engine as whole paths.
func TestSuiteWholePaths(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Metadata: true, Tags: true, Paths: true, FreeNames: true,
		New: func(t *testing.T) backendtest.Store {
			e := newEngine(t, 2)
			s, creds := e.store(t), e.approle(t)
			both := func(creds backend.Credentials) backend.Backend {
				raw := e.config()
				raw.KV, raw.Mount = 0, ""
				return whole{open(t, raw, creds), open(t, e.config(), creds), "/" + e.mount + "/data/"}
			}
			s.Open = func() backend.Backend { return both(creds) }
			s.Refused = func() (backend.Backend, string) {
				const wrong = "5f0e5a4e-wrong-secret-id"
				return both(backendtest.Credentials{"role": creds["role"], "secret": wrong}), wrong
			}
			return s
		},
	})
}

// whole is a store of whole paths, which lends its search from another.
type whole struct {
	backend.Backend
	kv     backend.Backend
	prefix string
}

func (w whole) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	ref.Key = w.prefix + ref.Key
	return w.Backend.Read(ctx, ref)
}

func (w whole) Write(ctx context.Context, key string, fields secret.Data) (bool, error) {
	return w.Backend.(backend.Writer).Write(ctx, w.prefix+key, fields)
}

func (w whole) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	return w.kv.(backend.Finder).Find(ctx, q)
}

func (w whole) Close(ctx context.Context) error {
	return errors.Join(w.Backend.Close(ctx), w.kv.Close(ctx))
}

// kvEngine is a KV engine that one test has for itself.
type kvEngine struct {
	*testkit.Vault
	mount string
	kv    int
}

func newEngine(t *testing.T, kv int) kvEngine {
	t.Helper()
	v := testkit.SharedVault(t)
	e := kvEngine{v, "teams/" + strings.ToLower(rand.Text()), kv}
	input := &api.MountInput{Type: "kv", Options: map[string]string{"version": string(rune('0' + kv))}}
	if err := v.Admin.Sys().MountWithContext(t.Context(), e.mount, input); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Admin.Sys().UnmountWithContext(context.Background(), e.mount) })
	e.put(t, "ready", backendtest.Item{Fields: map[string]string{"x": "y"}})
	e.delete(t, "ready")
	return e
}

// path is where Vault's API has a key; section is for version 2.
func (e kvEngine) path(section, key string) string {
	if e.kv == 2 {
		return e.mount + "/" + section + "/" + key
	}
	return e.mount + "/" + key
}

func (e kvEngine) put(t *testing.T, key string, item backendtest.Item) {
	t.Helper()
	data := map[string]any{}
	for name, value := range item.Fields {
		data[name] = value
	}
	if e.kv == 2 {
		data = map[string]any{"data": data}
	}
	// A new engine of version 2 refuses to work for a moment.
	testkit.Eventually(t, 2*time.Minute, func() error {
		_, err := e.Admin.Logical().WriteWithContext(t.Context(), e.path("data", key), data)
		return err
	})
	if len(item.Tags) > 0 && e.kv == 2 {
		e.write(t, e.path("metadata", key), map[string]any{"custom_metadata": item.Tags})
	}
}

func (e kvEngine) write(t *testing.T, path string, data map[string]any) {
	t.Helper()
	if _, err := e.Admin.Logical().WriteWithContext(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
}

// delete removes a secret without a trace.
func (e kvEngine) delete(t *testing.T, key string) {
	t.Helper()
	if _, err := e.Admin.Logical().DeleteWithContext(t.Context(), e.path("metadata", key)); err != nil {
		t.Fatal(err)
	}
}

// softDelete deletes the newest version of a secret and leaves its metadata.
func (e kvEngine) softDelete(t *testing.T, key string) {
	t.Helper()
	if _, err := e.Admin.Logical().DeleteWithContext(t.Context(), e.path("data", key)); err != nil {
		t.Fatal(err)
	}
}

// config is that of a store which logs in with the credentials "role" and
// "secret".
func (e kvEngine) config() delivery.VaultConfig {
	return delivery.VaultConfig{
		Server: e.Addr, Mount: e.mount, KV: e.kv,
		Auth: delivery.VaultAuth{AppRole: &delivery.VaultAppRole{
			Mount: "approle", Role: cred("role"), SecretID: cred("secret"),
		}},
	}
}

func (e kvEngine) approle(t *testing.T) backendtest.Credentials {
	t.Helper()
	role, secret, err := e.AppRole(t.Context(), testkit.ReadWrite(e.mount))
	if err != nil {
		t.Fatal(err)
	}
	return backendtest.Credentials{"role": role, "secret": secret}
}

func (e kvEngine) store(t *testing.T) backendtest.Store {
	t.Helper()
	creds := e.approle(t)
	return backendtest.Store{
		Put: func(key string, item backendtest.Item) { e.put(t, key, item) },
		Delete: func(key string) {
			if e.kv == 2 {
				e.softDelete(t, key)
			} else {
				e.delete(t, key)
			}
		},
		Open: func() backend.Backend { return open(t, e.config(), creds) },
		Refused: func() (backend.Backend, string) {
			const wrong = "5f0e5a4e-wrong-secret-id"
			return open(t, e.config(), backendtest.Credentials{"role": creds["role"], "secret": wrong}), wrong
		},
	}
}

func cred(name string) delivery.Credential {
	return delivery.Credential{Kind: delivery.FromSecret, Name: name}
}

// token is the way to log in with the credential "token".
func token() delivery.VaultAuth {
	c := cred("token")
	return delivery.VaultAuth{Token: &c}
}

func open(t *testing.T, cfg delivery.VaultConfig, creds backend.Credentials) backend.Backend {
	t.Helper()
	b, err := vault.Open(t.Context(), cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
