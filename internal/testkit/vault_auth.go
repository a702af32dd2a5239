package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/hashicorp/vault/api"
)

// Policy writes rules under a new name, and returns the name.
func (v *Vault) Policy(ctx context.Context, rules string) (string, error) {
	name := "policy-" + strings.ToLower(rand.Text())
	return name, v.Admin.Sys().PutPolicyWithContext(ctx, name, rules)
}

// Token issues a token with a policy of these rules.
func (v *Vault) Token(ctx context.Context, rules string) (string, error) {
	policy, err := v.Policy(ctx, rules)
	if err != nil {
		return "", err
	}
	issued, err := v.Admin.Auth().Token().CreateWithContext(ctx, &api.TokenCreateRequest{Policies: []string{policy}})
	if err != nil {
		return "", err
	}
	return issued.Auth.ClientToken, nil
}

// AppRole makes a role at approle/ with a policy of these rules, and returns
// what to log in with.
func (v *Vault) AppRole(ctx context.Context, rules string) (roleID, secretID string, err error) {
	policy, err := v.Policy(ctx, rules)
	if err != nil {
		return "", "", err
	}
	role := "auth/approle/role/" + policy
	logical := v.Admin.Logical()
	if _, err := logical.WriteWithContext(ctx, role, map[string]any{"token_policies": policy}); err != nil {
		return "", "", err
	}
	id, err := logical.ReadWithContext(ctx, role+"/role-id")
	if err != nil {
		return "", "", err
	}
	secret, err := logical.WriteWithContext(ctx, role+"/secret-id", nil)
	if err != nil {
		return "", "", err
	}
	roleID, _ = id.Data["role_id"].(string)
	secretID, _ = secret.Data["secret_id"].(string)
	if roleID == "" || secretID == "" {
		return "", "", errors.New("Vault answered without a role id or a secret id")
	}
	return roleID, secretID, nil
}
