package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

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

// KubernetesAuth enables the auth method kubernetes at kubernetes/, with
// tokens reviewed by that plane. It may be called again, with another plane
// too. Roles are made with KubernetesRole.
func (v *Vault) KubernetesAuth(ctx context.Context, plane *Plane) error {
	reviewer, err := reviewerToken(ctx, plane)
	if err != nil {
		return fmt.Errorf("make a reviewer of tokens: %w", err)
	}
	enabled, err := v.Admin.Sys().ListAuthWithContext(ctx)
	if err != nil {
		return err
	}
	if enabled["kubernetes/"] == nil {
		err := v.Admin.Sys().EnableAuthWithOptionsWithContext(ctx, "kubernetes", &api.EnableAuthOptions{Type: "kubernetes"})
		if err != nil {
			return err
		}
	}
	_, err = v.Admin.Logical().WriteWithContext(ctx, "auth/kubernetes/config", map[string]any{
		"kubernetes_host":      plane.URL(),
		"kubernetes_ca_cert":   string(plane.CACert()),
		"token_reviewer_jwt":   reviewer,
		"disable_local_ca_jwt": true,
	})
	return err
}

// KubernetesRole lets a service account log in at kubernetes/ under the role,
// and gives it a policy of these rules.
func (v *Vault) KubernetesRole(ctx context.Context, role, namespace, serviceAccount, rules string) error {
	policy, err := v.Policy(ctx, rules)
	if err != nil {
		return err
	}
	_, err = v.Admin.Logical().WriteWithContext(ctx, "auth/kubernetes/role/"+role, map[string]any{
		"bound_service_account_namespaces": namespace,
		"bound_service_account_names":      serviceAccount,
		"token_policies":                   policy,
	})
	return err
}

// reviewerToken issues a token for the service account as which Vault asks
// the API server about other tokens.
func reviewerToken(ctx context.Context, plane *Plane) (string, error) {
	const name, namespace = "vault-token-reviewer", metav1.NamespaceSystem
	clients, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		return "", err
	}
	accounts := clients.CoreV1().ServiceAccounts(namespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}
	_, err = clients.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	day := int64(24 * 60 * 60)
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: &day}}
	token, err := accounts.CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return token.Status.Token, nil
}
