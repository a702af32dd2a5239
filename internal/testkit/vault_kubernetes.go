package testkit

import (
	"context"
	"fmt"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hashicorp/vault/api"
)

// KubernetesAuth enables the auth method kubernetes at kubernetes/, with
// tokens reviewed by that plane. It may be called again, with another plane
// too. Roles are made with KubernetesRole.
func (v *Vault) KubernetesAuth(ctx context.Context, plane *Plane) error {
	reviewer, err := reviewerToken(ctx, plane)
	if err != nil {
		return fmt.Errorf("make a reviewer of tokens: %w", err)
	}
	if err := v.enableAuth(ctx, "kubernetes"); err != nil {
		return err
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

// JWTAuth enables the auth method jwt at jwt/, which trusts the tokens that
// the plane issues to service accounts, and checks them without asking it. It
// may be called again, with another plane too. Roles are made with JWTRole.
func (v *Vault) JWTAuth(ctx context.Context, plane *Plane) error {
	key, err := plane.TokenKey()
	if err != nil {
		return err
	}
	if err := v.enableAuth(ctx, "jwt"); err != nil {
		return err
	}
	_, err = v.Admin.Logical().WriteWithContext(ctx, "auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": string(key),
		"bound_issuer":           tokenIssuer,
	})
	return err
}

// JWTRole lets a service account log in at jwt/ under the role with a token
// for that audience, and gives it a policy of these rules.
func (v *Vault) JWTRole(ctx context.Context, role, namespace, serviceAccount, audience, rules string) error {
	policy, err := v.Policy(ctx, rules)
	if err != nil {
		return err
	}
	_, err = v.Admin.Logical().WriteWithContext(ctx, "auth/jwt/role/"+role, map[string]any{
		"role_type":       "jwt",
		"user_claim":      "sub",
		"bound_subject":   "system:serviceaccount:" + namespace + ":" + serviceAccount,
		"bound_audiences": audience,
		"token_policies":  policy,
	})
	return err
}

// enableAuth enables an auth method at the path of its name, if it is not.
func (v *Vault) enableAuth(ctx context.Context, method string) error {
	v.authMu.Lock()
	defer v.authMu.Unlock()
	enabled, err := v.Admin.Sys().ListAuthWithContext(ctx)
	if err != nil || enabled[method+"/"] != nil {
		return err
	}
	return v.Admin.Sys().EnableAuthWithOptionsWithContext(ctx, method, &api.EnableAuthOptions{Type: method})
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
	return token.Status.Token, mayReview(ctx, plane, token.Status.Token)
}

// mayReview waits until the reviewer may review tokens, such as its own: the
// authorizer learns of a new binding a moment after it was made.
func mayReview(ctx context.Context, plane *Plane, token string) error {
	config := plane.Config()
	config.BearerToken = token
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	review := &authv1.TokenReview{Spec: authv1.TokenReviewSpec{Token: token}}
	for {
		_, err := clients.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil || !apierrors.IsForbidden(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
