package target

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// state is an existing Secret, so far as an update needs to know it.
type state struct {
	meta metav1.ObjectMeta
	// full is nil where memory and the watch say all that is needed; then
	// it is memory that counts.
	full   *corev1.Secret
	memory Memory
	// empty: it holds no data.
	empty bool
	// keys, labels and annotations are ours, to be removed where they are
	// no longer desired.
	keys, labels, annotations []string
}

// current learns what an update needs to know of the existing Secret, with a
// read only if memory does not say it.
func (w *Writer) current(ctx context.Context, dest *Target, wantType string) (state, error) {
	seen, mem := dest.Seen, dest.Memory
	known := seen != nil && mem.Name == dest.Name && mem.Version != "" && mem.Version == seen.ResourceVersion
	// What comes to be of another type is read where it cannot be written, see
	// unchangeable, and so is what may have to be refused for being immutable.
	fixed := (dest.Creation == delivery.Marked || dest.Yield != nil) && mem.Type != wantType || dest.Yield != nil && mem.Immutable ||
		wantType == string(corev1.SecretTypeServiceAccountToken) // see kept
	if known && mem.Immutable == dest.Immutable && !dest.on(&seen.ObjectMeta).merges() && !fixed {
		return state{meta: seen.ObjectMeta, memory: mem, empty: mem.Empty, labels: mem.Labels, annotations: mem.Annotations}, nil
	}
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return state{}, err
	}
	got, err := objs.get(ctx, dest.Name)
	if err != nil {
		return state{}, err
	}
	owned := ownedFields(got.ManagedFields, dest.writers(true))
	meta := owned
	if dest.Yield != nil && controller(&got.ObjectMeta, dest) == ours {
		meta = ownedFields(got.ManagedFields, dest.writers(false))
	}
	return state{
		meta: got.ObjectMeta, full: got, empty: len(got.Data) == 0, keys: owned.under("f:data"),
		labels: meta.under("f:metadata", "f:labels"), annotations: meta.under("f:metadata", "f:annotations"),
	}, nil
}
