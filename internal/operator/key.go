package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

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

// keyPatience bounds how long the start waits for it.
const keyPatience = 15 * time.Second

// keyOrOther is the key of digests; one of this process alone where the
// operator may not keep it. Then what changes while it is down restarts
// nobody.
func keyOrOther(ctx context.Context, core corev1client.SecretsGetter, o Options) (secret.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	key, made, err := digestKey(ctx, core, o.HomeNamespace)
	switch {
	case made:
		o.Log.Info("made a key of digests; workloads are not restarted for what changed before", "secret", o.HomeNamespace+"/"+keySecret)
		return key, nil
	case err == nil:
		return key, nil
	}
	o.Log.Error(err, "workloads are not restarted for what changes while the operator is down")
	if _, err := rand.Read(key[:]); err != nil {
		return key, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

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
