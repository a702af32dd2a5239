package testkit

import (
	"context"
	"net/http"
	"strings"
)

// Put writes a secret at secret/, which is KV v2.
func (v *Vault) Put(ctx context.Context, path string, data map[string]any) error {
	_, err := v.Admin.KVv2("secret").Put(ctx, path, data)
	return err
}

// PutV1 writes a secret at kv1/, which is KV v1.
func (v *Vault) PutV1(ctx context.Context, path string, data map[string]any) error {
	return v.Admin.KVv1("kv1").Put(ctx, path, data)
}

// Delete deletes the newest version of a secret at secret/. What is left
// answers 404 with its metadata in the body, as Vault does.
func (v *Vault) Delete(ctx context.Context, path string) error {
	return v.Admin.KVv2("secret").Delete(ctx, path)
}

// Destroy removes a secret at secret/ with all its versions and metadata.
func (v *Vault) Destroy(ctx context.Context, path string) error {
	return v.Admin.KVv2("secret").DeleteMetadata(ctx, path)
}

// DeleteV1 removes a secret at kv1/.
func (v *Vault) DeleteV1(ctx context.Context, path string) error {
	return v.Admin.KVv1("kv1").Delete(ctx, path)
}

// Seal seals the server: everything but unsealing answers 503.
func (v *Vault) Seal(ctx context.Context) error {
	return v.Admin.Sys().SealWithContext(ctx)
}

// Unseal undoes Seal. Tokens and data are as they were.
func (v *Vault) Unseal(ctx context.Context) error {
	_, err := v.Admin.Sys().UnsealWithContext(ctx, v.unsealKey)
	return err
}

// VaultCounts are the requests that the server got, sorted by what they do.
type VaultCounts struct {
	Total  int
	Reads  int // of values and of KV v2's metadata
	Lists  int // below KV mounts
	Logins int
	Other  int
}

// Counts returns the requests since the start or the last ResetCounts.
func (v *Vault) Counts(ctx context.Context) (VaultCounts, error) {
	var counts VaultCounts
	err := v.raw(ctx, http.MethodGet, "/__count", &counts)
	return counts, err
}

// ResetCounts starts counting anew.
func (v *Vault) ResetCounts(ctx context.Context) error {
	return v.raw(ctx, http.MethodPost, "/__count", nil)
}

// Leasing lets database/creds/ROLE issue credentials whose leases last ttl, a
// duration as Vault writes it. They are of a database in memory that is
// nothing but its users, see DatabaseUsers.
func (v *Vault) Leasing(ctx context.Context, role, ttl string) error {
	logical := v.Admin.Logical()
	_, err := logical.WriteWithContext(ctx, "database/config/memory", map[string]any{
		"plugin_name": "memory-database-plugin", "allowed_roles": "*"})
	if err != nil {
		return err
	}
	_, err = logical.WriteWithContext(ctx, "database/roles/"+role, map[string]any{
		"db_name": "memory", "default_ttl": ttl, "creation_statements": "CREATE"})
	return err
}

// DatabaseUsers are the users that leases have made and not yet revoked.
func (v *Vault) DatabaseUsers(ctx context.Context) ([]string, error) {
	var users []string
	err := v.raw(ctx, http.MethodGet, "/__users", &users)
	return users, err
}

// ReadWrite is a policy that lets its holder write too where ReadOnly lets it
// read.
func ReadWrite(paths ...string) string {
	return strings.ReplaceAll(ReadOnly(paths...), `["read", "list"]`, `["create", "read", "update", "list"]`)
}

// ReadOnly is a policy, in Vault's language, that lets its holder read and
// list below the given paths: ReadOnly("secret/data/app", "secret/metadata/app").
func ReadOnly(paths ...string) string {
	var policy strings.Builder
	for _, path := range paths {
		for _, p := range []string{path, strings.TrimSuffix(path, "/") + "/*"} {
			policy.WriteString(`path "` + p + `" { capabilities = ["read", "list"] }` + "\n")
		}
	}
	return policy.String()
}
