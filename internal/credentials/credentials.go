// Package credentials resolves what stores refer to: keys of Secrets and
// ConfigMaps, tokens of service accounts, and files of the operator's own.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// minExpiry is the shortest life that the API server grants a token
// (TokenRequestSpec.expirationSeconds).
const minExpiry = 10 * time.Minute

// Resolver reads credentials from the cluster, always live: a login is rare,
// and a credential must be the one that is there now.
type Resolver struct{ Core corev1client.CoreV1Interface }

// For returns what the store may use when it serves an object in namespace.
// A namespaced store reaches its own namespace and no other, whatever its
// config says.
func (r Resolver) For(store delivery.StoreRef, namespace string) backend.Credentials {
	return scoped{r, store, namespace}
}

type scoped struct {
	Resolver
	store     delivery.StoreRef
	namespace string
}

// Resolve implements backend.Credentials.
func (s scoped) Resolve(ctx context.Context, c delivery.Credential) (secret.Value, error) {
	if c.Kind == delivery.FromFile {
		return s.file(c)
	}
	ns := c.Namespace
	if ns == "" {
		ns = s.namespace
	}
	if s.store.Namespace != "" {
		ns = s.store.Namespace
		if c.Namespace != "" && c.Namespace != ns {
			return secret.Value{}, misconfigured(nil, "%s %s/%s is out of reach: a SecretStore uses what is in its own namespace %s",
				c.Kind, c.Namespace, c.Name, ns)
		}
	}
	if ns == "" {
		return secret.Value{}, misconfigured(nil, "%s %q: name its namespace, or use the store from a namespaced object", c.Kind, c.Name)
	}
	switch c.Kind {
	case delivery.FromSecret:
		obj, err := s.Core.Secrets(ns).Get(ctx, c.Name, metav1.GetOptions{})
		if err != nil {
			return secret.Value{}, unreadable(err, c, ns)
		}
		return pick(obj.Data, c, ns)
	case delivery.FromConfigMap:
		obj, err := s.Core.ConfigMaps(ns).Get(ctx, c.Name, metav1.GetOptions{})
		if err != nil {
			return secret.Value{}, unreadable(err, c, ns)
		}
		return pick(configMapData(obj), c, ns)
	case delivery.FromServiceAccount:
		return s.token(ctx, c, ns)
	}
	return secret.Value{}, misconfigured(nil, "credential of unknown kind %q", c.Kind)
}

func (s scoped) token(ctx context.Context, c delivery.Credential, ns string) (secret.Value, error) {
	seconds := int64(max(c.Expiry, minExpiry).Seconds())
	got, err := s.Core.ServiceAccounts(ns).CreateToken(ctx, c.Name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: c.Audiences, ExpirationSeconds: &seconds},
	}, metav1.CreateOptions{})
	if err != nil {
		return secret.Value{}, unreadable(err, c, ns)
	}
	return secret.NewString(got.Status.Token), nil
}

func configMapData(cm *corev1.ConfigMap) map[string][]byte {
	out := map[string][]byte{}
	for k, v := range cm.Data {
		out[k] = []byte(v)
	}
	for k, v := range cm.BinaryData {
		out[k] = v
	}
	return out
}

func pick(data map[string][]byte, c delivery.Credential, ns string) (secret.Value, error) {
	v, ok := data[c.Key]
	switch {
	case !ok:
		return secret.Value{}, misconfigured(backend.ErrNoKey, "%s %s/%s has no key %q", c.Kind, ns, c.Name, c.Key)
	case len(v) == 0:
		return secret.Value{}, misconfigured(nil, "%s %s/%s: key %q is empty", c.Kind, ns, c.Name, c.Key)
	}
	return secret.New(v), nil
}

func unreadable(err error, c delivery.Credential, ns string) error {
	switch {
	case apierrors.IsNotFound(err):
		return misconfigured(err, "%s %s/%s does not exist", c.Kind, ns, c.Name)
	case apierrors.IsForbidden(err) && c.Kind == delivery.FromServiceAccount:
		return misconfigured(err, "the operator has no right to act as %s %s/%s: it may not create its tokens (serviceaccounts/token)", c.Kind, ns, c.Name)
	case apierrors.IsForbidden(err):
		return misconfigured(err, "the operator has no right to read %s %s/%s", c.Kind, ns, c.Name)
	}
	return &backend.Error{Kind: backend.Unavailable, Err: err,
		Message: fmt.Sprintf("%s %s/%s could not be read: the API server does not answer as it should", c.Kind, ns, c.Name)}
}

func misconfigured(err error, format string, args ...any) error {
	if err == nil {
		err = errors.New("misconfigured")
	}
	return &backend.Error{Kind: backend.Misconfigured, Message: fmt.Sprintf(format, args...), Err: err}
}
