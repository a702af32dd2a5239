package operator

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// keySecret holds the key of all digests that are written into the cluster:
// what was rolled out must mean the same after a restart, and nobody may guess
// a value from it.
const keySecret = "tacit-digest-key"

// digestKey reads the key, or makes it; made tells that there was none.
func digestKey(ctx context.Context, core corev1client.SecretsGetter, namespace string) (key secret.Key, made bool, err error) {
	secrets := core.Secrets(namespace)
	got, err := secrets.Get(ctx, keySecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if _, err := rand.Read(key[:]); err != nil {
			return key, false, fmt.Errorf("make a key: %w", err)
		}
		yes := true
		got, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: keySecret, Labels: map[string]string{"app.kubernetes.io/managed-by": "tacit"}},
			Immutable:  &yes, Data: map[string][]byte{"key": key[:]},
		}, metav1.CreateOptions{FieldManager: "tacit"})
		made = err == nil
		if apierrors.IsAlreadyExists(err) {
			got, err = secrets.Get(ctx, keySecret, metav1.GetOptions{})
		}
	}
	if err != nil {
		return key, false, fmt.Errorf("keep the key of digests in Secret %s/%s (choose another namespace with --home-namespace): %w", namespace, keySecret, err)
	}
	if n := copy(key[:], got.Data["key"]); n != len(key) {
		return key, false, fmt.Errorf("Secret %s/%s holds no key of %d bytes: delete it to have another made; workloads are then not restarted for what changed meanwhile",
			namespace, keySecret, len(key))
	}
	return key, made, nil
}
