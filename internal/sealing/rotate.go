package sealing

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fieldManager is under whose name keys are made.
const fieldManager = "tacit"

// maxNames is how many names are tried for a new key. One is taken only where
// its Secret holds no key in use: out of use, or broken.
const maxNames = 20

// Rotate makes another key if the cluster has none that can be sealed for, or
// if the newest is due for renewal; the old ones stay. It returns the name of
// its Secret, and nothing if none was due or another replica was faster.
//
// It asks the API server what is there, and makes nothing if that fails. Every
// replica may call it: the name of a new key follows from the one before it,
// so that only one of them can be made.
func (r *Keyring) Rotate(ctx context.Context, now time.Time) (string, error) {
	if err := r.Load(ctx); err != nil {
		return "", err
	}
	newest, due := r.due(now)
	if !due {
		return "", nil
	}
	key, cert, err := Generate(r.opts.Bits, now, r.opts.Validity)
	if err != nil {
		return "", err
	}
	for i := range maxNames {
		name := successor(r.opts.Prefix, newest, i)
		_, err := r.secrets.Create(ctx, keySecret(name, key, &cert), metav1.CreateOptions{FieldManager: fieldManager})
		if err == nil {
			return name, r.Load(ctx)
		}
		if !apierrors.IsAlreadyExists(err) {
			return "", fmt.Errorf("keep a new key in Secret %s/%s: %w", r.opts.Namespace, name, err)
		}
		if err := r.Load(ctx); err != nil {
			return "", err
		}
		if _, due := r.due(now); !due {
			return "", nil // another replica was faster
		}
	}
	return "", fmt.Errorf("keep a new key in namespace %s: the names that it could have are those of Secrets whose keys are not in use", r.opts.Namespace)
}

// due reports whether a new key is, and which is the newest now.
func (r *Keyring) due(now time.Time) (KeyID, bool) {
	certs := r.Certificates()
	if len(certs) == 0 {
		return KeyID{}, true
	}
	newest := &certs[0]
	if r.opts.Renew < 0 {
		return newest.ID, false
	}
	return newest.ID, now.Sub(newest.NotBefore) >= r.opts.Renew || newest.Expired(now) != nil
}

// successor is the name of the key after the newest, as an API server would
// have made it up, but the same on every replica.
func successor(prefix string, newest KeyID, try int) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", newest, try))
	name := []byte(prefix)
	for _, b := range sum[:5] {
		name = append(name, letters[int(b)%len(letters)])
	}
	return string(name)
}
