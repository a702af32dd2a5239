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
// replica may call it: the name of a new key follows from the one before it, so
// that only one of them can be made. A first key follows none. Should two
// replicas make one in the same moment, both open, and one is the newest. Their
// clocks need not agree to the second.
func (r *Keyring) Rotate(ctx context.Context, now time.Time) (string, error) {
	if _, due, err := r.look(ctx, now); err != nil || !due {
		return "", err
	}
	key, cert, err := Generate(r.opts.Bits, now, r.opts.Validity)
	if err != nil {
		return "", err
	}
	// That took seconds.
	newest, due, err := r.look(ctx, now)
	if err != nil || !due {
		return "", err
	}
	for i := range maxNames {
		name := r.name(newest, key.ID, i)
		_, err := r.secrets.Create(ctx, keySecret(name, key, &cert), metav1.CreateOptions{FieldManager: fieldManager})
		if err == nil {
			return name, r.Load(ctx)
		}
		if !apierrors.IsAlreadyExists(err) {
			return "", fmt.Errorf("keep a new key in Secret %s/%s: %w", r.opts.Namespace, name, err)
		}
		if _, due, err := r.look(ctx, now); err != nil || !due {
			return "", err // another replica was faster
		}
	}
	return "", fmt.Errorf("keep a new key in namespace %s: the names that it could have are those of Secrets whose keys are not in use", r.opts.Namespace)
}

// look reports whether a new key is due in the cluster as it is now, and which
// one it follows; nil if nothing can be sealed for any.
func (r *Keyring) look(ctx context.Context, now time.Time) (*ringKey, bool, error) {
	if err := r.Load(ctx); err != nil {
		return nil, false, err
	}
	keys := r.now()
	newest := keys.latest(now)
	if newest == nil {
		newest = keys.newest(now)
	}
	if newest != nil {
		return newest, r.opts.Renew >= 0 && now.Sub(newest.cert.NotBefore) >= r.opts.Renew, nil
	}
	before := keys.certified() // and expired, or of another year
	return before, before == nil || r.opts.Renew >= 0, nil
}

// name is that of a new key after the newest: the same on every replica, and
// another in every cluster, even one that was given the same keys. So no
// cluster's key is in the way of another's that comes from a backup.
func (r *Keyring) name(newest *ringKey, key KeyID, try int) string {
	if newest == nil {
		return nameOf(r.opts.Prefix, key, try)
	}
	return r.opts.Prefix + letters(5, "%s %s %d", newest.ID, newest.uid, try)
}

// KeyName names a Secret after the key in it, so that no other key's has this
// name. Where something else has it all the same, try is counted up from 0.
func KeyName(key KeyID, try int) string { return nameOf(KeyPrefix, key, try) }

func nameOf(prefix string, key KeyID, try int) string {
	return prefix + letters(10, "%s %d", key, try)
}

// letters are a hash, as an API server makes names up.
func letters(n int, format string, args ...any) string {
	const all = "bcdfghjklmnpqrstvwxz2456789"
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	out := make([]byte, n)
	for i := range out {
		out[i] = all[int(sum[i])%len(all)]
	}
	return string(out)
}
