package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// startVault starts a Vault for one test, which may break it.
func startVault(t *testing.T, options testkit.VaultOptions) *testkit.Vault {
	t.Helper()
	vault, err := testkit.StartVault(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vault.Stop(); err != nil {
			t.Error(err)
		}
	})
	return vault
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantStatus asserts that Vault answered with that status.
func wantStatus(t *testing.T, err error, code int) {
	t.Helper()
	var answer *api.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != code {
		t.Errorf("want Vault to answer %d, got %v", code, err)
	}
}

func read(ctx context.Context, c *api.Client, path, key string) (any, error) {
	s, err := c.KVv2("secret").Get(ctx, path)
	if err != nil {
		return nil, err
	}
	return s.Data[key], nil
}

func TestVaultKeepsBothVersionsOfKV(t *testing.T) {
	t.Parallel()
	vault, ctx := startVault(t, testkit.VaultOptions{TLS: true}), t.Context()

	must(t, vault.Put(ctx, "app/db", map[string]any{"password": "one"}))
	must(t, vault.Put(ctx, "app/db", map[string]any{"password": "two"}))
	if got, err := read(ctx, vault.Admin, "app/db", "password"); err != nil || got != "two" {
		t.Errorf("KV v2 newest: got %v, %v", got, err)
	}
	old, err := vault.Admin.KVv2("secret").GetVersion(ctx, "app/db", 1)
	if err != nil || old.Data["password"] != "one" {
		t.Errorf("KV v2 version 1: got %v, %v", old, err)
	}
	must(t, vault.Delete(ctx, "app/db"))
	if s, err := vault.Admin.KVv2("secret").Get(ctx, "app/db"); err != nil || s.Data != nil || s.VersionMetadata.DeletionTime.IsZero() {
		t.Errorf("KV v2 deleted: got %v, %v", s, err)
	}
	must(t, vault.Destroy(ctx, "app/db"))
	if _, err := read(ctx, vault.Admin, "app/db", "password"); !errors.Is(err, api.ErrSecretNotFound) {
		t.Errorf("KV v2 destroyed: got %v", err)
	}

	must(t, vault.PutV1(ctx, "app/db", map[string]any{"password": "v1"}))
	s, err := vault.Admin.KVv1("kv1").Get(ctx, "app/db")
	if err != nil || s.Data["password"] != "v1" {
		t.Errorf("KV v1: got %v, %v", s, err)
	}
	must(t, vault.DeleteV1(ctx, "app/db"))
	if _, err := vault.Admin.KVv1("kv1").Get(ctx, "app/db"); !errors.Is(err, api.ErrSecretNotFound) {
		t.Errorf("KV v1 deleted: got %v", err)
	}
}

func TestAppRoleReadsWhatItsPolicyAllows(t *testing.T) {
	t.Parallel()
	vault, ctx := testkit.SharedVault(t), t.Context()
	must(t, vault.Put(ctx, "approle/mine", map[string]any{"k": "v"}))
	must(t, vault.Put(ctx, "approle2/other", map[string]any{"k": "v"}))
	role, secret, err := vault.AppRole(ctx, testkit.ReadOnly("secret/data/approle"))
	must(t, err)

	c, err := vault.Client("")
	must(t, err)
	login, err := c.Logical().WriteWithContext(ctx, "auth/approle/login", map[string]any{"role_id": role, "secret_id": secret})
	must(t, err)
	c.SetToken(login.Auth.ClientToken)
	if got, err := read(ctx, c, "approle/mine", "k"); err != nil || got != "v" {
		t.Errorf("allowed path: got %v, %v", got, err)
	}
	_, err = read(ctx, c, "approle2/other", "k")
	wantStatus(t, err, http.StatusForbidden)
	_, err = c.Logical().WriteWithContext(ctx, "auth/approle/login", map[string]any{"role_id": role, "secret_id": "wrong"})
	wantStatus(t, err, http.StatusInternalServerError) // of 1.14.0 alone; other versions say 400
}

func TestKubernetesAuthTakesAServiceAccountsToken(t *testing.T) {
	t.Parallel()
	plane, vault, ctx := testkit.SharedPlane(t), testkit.SharedVault(t), t.Context()
	namespace := testkit.Namespace(t, plane)
	must(t, vault.KubernetesAuth(ctx, plane))
	must(t, vault.KubernetesAuth(ctx, plane)) // a second time is no error
	must(t, vault.KubernetesRole(ctx, "app", namespace, "app", testkit.ReadOnly("secret/data/k8s")))
	must(t, vault.Put(ctx, "k8s/x", map[string]any{"k": "v"}))

	clients, err := kubernetes.NewForConfig(plane.Config())
	must(t, err)
	accounts := clients.CoreV1().ServiceAccounts(namespace)
	login := func(name string) (*api.Secret, error) {
		_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		must(t, err)
		token, err := accounts.CreateToken(ctx, name, &authv1.TokenRequest{}, metav1.CreateOptions{})
		must(t, err)
		return vault.Admin.Logical().WriteWithContext(ctx, "auth/kubernetes/login",
			map[string]any{"role": "app", "jwt": token.Status.Token})
	}
	session, err := login("app")
	must(t, err)
	c, err := vault.Client(session.Auth.ClientToken)
	must(t, err)
	if got, err := read(ctx, c, "k8s/x", "k"); err != nil || got != "v" {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = login("stranger")
	wantStatus(t, err, http.StatusForbidden)
}

func TestJWTAuthTakesAServiceAccountsToken(t *testing.T) {
	t.Parallel()
	plane, vault, ctx := testkit.SharedPlane(t), testkit.SharedVault(t), t.Context()
	namespace := testkit.Namespace(t, plane)
	must(t, vault.JWTAuth(ctx, plane))
	must(t, vault.JWTRole(ctx, "jwt-app", namespace, "app", "vault", testkit.ReadOnly("secret/data/jwt")))

	clients, err := kubernetes.NewForConfig(plane.Config())
	must(t, err)
	accounts := clients.CoreV1().ServiceAccounts(namespace)
	_, err = accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "app"}}, metav1.CreateOptions{})
	must(t, err)
	login := func(audience string) error {
		request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{Audiences: []string{audience}}}
		token, err := accounts.CreateToken(ctx, "app", request, metav1.CreateOptions{})
		must(t, err)
		_, err = vault.Admin.Logical().WriteWithContext(ctx, "auth/jwt/login",
			map[string]any{"role": "jwt-app", "jwt": token.Status.Token})
		return err
	}
	must(t, login("vault"))
	wantStatus(t, login("somebody-else"), http.StatusBadRequest)
}

func TestSealedVaultAnswersNothingUntilUnsealed(t *testing.T) {
	t.Parallel()
	vault, ctx := startVault(t, testkit.VaultOptions{}), t.Context()
	must(t, vault.Put(ctx, "x", map[string]any{"k": "v"}))
	token, err := vault.Token(ctx, testkit.ReadOnly("secret/data/x"))
	must(t, err)
	c, err := vault.Client(token)
	must(t, err)
	must(t, vault.Seal(ctx))
	_, err = read(ctx, c, "x", "k")
	wantStatus(t, err, http.StatusServiceUnavailable)
	must(t, vault.Unseal(ctx))
	testkit.Eventually(t, 2*time.Minute, func() error {
		if got, err := read(ctx, c, "x", "k"); err != nil || got != "v" {
			return fmt.Errorf("got %v, %w", got, err)
		}
		return nil
	})
}

func TestVaultCountsRequestsByWhatTheyDo(t *testing.T) {
	t.Parallel()
	vault, ctx := startVault(t, testkit.VaultOptions{}), t.Context()
	must(t, vault.Put(ctx, "x", map[string]any{"k": "v"}))
	must(t, vault.PutV1(ctx, "y", map[string]any{"k": "v"}))
	role, secret, err := vault.AppRole(ctx, testkit.ReadOnly("secret/data/x"))
	must(t, err)

	must(t, vault.ResetCounts(ctx))
	_, err = vault.Admin.KVv2("secret").Get(ctx, "x")
	must(t, err)
	_, err = vault.Admin.KVv2("secret").GetMetadata(ctx, "x")
	must(t, err)
	_, err = vault.Admin.KVv1("kv1").Get(ctx, "y")
	must(t, err)
	_, err = vault.Admin.Logical().ListWithContext(ctx, "secret/metadata")
	must(t, err)
	_, err = vault.Admin.Logical().WriteWithContext(ctx, "auth/approle/login", map[string]any{"role_id": role, "secret_id": secret})
	must(t, err)
	must(t, vault.Put(ctx, "x", map[string]any{"k": "w"}))
	_, err = vault.Admin.Sys().HealthWithContext(ctx)
	must(t, err)

	got, err := vault.Counts(ctx)
	must(t, err)
	if want := (testkit.VaultCounts{Total: 7, Reads: 3, Lists: 1, Logins: 1, Other: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLeasesMakeAndRemoveUsers(t *testing.T) {
	t.Parallel()
	vault, ctx := startVault(t, testkit.VaultOptions{}), t.Context()
	must(t, vault.Leasing(ctx, "app", "1h"))
	lease, err := vault.Admin.Logical().ReadWithContext(ctx, "database/creds/app")
	must(t, err)
	user, _ := lease.Data["username"].(string)
	if password, _ := lease.Data["password"].(string); user == "" || password == "" || lease.LeaseDuration != 3600 || !lease.Renewable {
		t.Fatalf("got the lease %+v", lease)
	}
	users, err := vault.DatabaseUsers(ctx)
	if err != nil || !slices.Equal(users, []string{user}) {
		t.Errorf("with a lease: got users %v, %v", users, err)
	}
	must(t, vault.Admin.Sys().RevokeWithContext(ctx, lease.LeaseID))
	testkit.Eventually(t, 2*time.Minute, func() error {
		if users, err := vault.DatabaseUsers(ctx); err != nil || len(users) != 0 {
			return fmt.Errorf("after it was revoked: got users %v, %w", users, err)
		}
		return nil
	})
}

func TestPostgresqlIsCompiledIn(t *testing.T) {
	t.Parallel()
	vault, ctx := startVault(t, testkit.VaultOptions{}), t.Context()
	config := map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "verify_connection": false,
		"connection_url": "postgresql://u:p@127.0.0.1:1/db?connect_timeout=1",
	}
	_, err := vault.Admin.Logical().WriteWithContext(ctx, "database/config/pg", config)
	must(t, err)
	config["verify_connection"] = true
	if _, err := vault.Admin.Logical().WriteWithContext(ctx, "database/config/pg", config); err == nil {
		t.Error("a database that nothing listens for was verified")
	}
}
