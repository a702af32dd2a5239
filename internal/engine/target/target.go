// Package target writes Secrets: each whole, in one write, and only those
// that are ours to write.
package target

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Desired is what a Secret should hold of ours.
type Desired struct {
	Data                secret.Data
	Labels, Annotations map[string]string
}

// Memory is what we know of a Secret since we wrote it or found it right. It
// holds no value, and is lost at a restart without harm: then the Secret is
// read once and compared. The zero Memory knows nothing.
type Memory struct {
	// Name of the Secret, and the version in which it was as desired.
	Name, Version string
	// Digest of everything that was desired.
	Digest secret.Digest
	// Frozen: the Secret is immutable as asked, and holds something else
	// than desired.
	Frozen bool
	// Immutable: the API server lets nobody change its data.
	Immutable bool
	// Empty: it holds no data.
	Empty bool
	// Labels and Annotations are the keys that we set.
	Labels, Annotations []string
}

// Result is how an Apply ended.
type Result struct {
	Change delivery.Change
	// Missing: the Secret is not there and not ours to make.
	Missing bool
	Memory  Memory
}

// Writer writes Secrets with a client that does not throttle.
type Writer struct {
	Core corev1client.SecretsGetter
	// Key keys the digests in Memory.
	Key secret.Key
	// Rival reports whether the object that writes as this field manager
	// still wants the destination; without it a name in the managed fields
	// of a Secret would shut everybody out after its object is gone.
	Rival func(ctx context.Context, dest *delivery.Destination, manager string) bool
}

// Apply makes the Secret what is desired. seen is the Secret's metadata as
// last watched, nil if it was not seen; it may lag behind. Without a change
// of either side since mem was made there is no request at all. The error is
// a *delivery.Error.
func (w *Writer) Apply(ctx context.Context, dest *delivery.Destination, want Desired, seen *metav1.PartialObjectMetadata, mem Memory) (Result, error) {
	if err := checkSize(dest, want.Data); err != nil {
		return Result{}, err
	}
	digest := w.digest(dest, want)
	if seen != nil && mem.Digest == digest && mem.Knows(seen) {
		return Result{Memory: mem}, nil
	}
	// What we made a moment ago the watch may not have brought yet: then it is
	// read first.
	if seen == nil && (mem.Version == "" || mem.Name != dest.Name) {
		if dest.Creation == delivery.Merge {
			return Result{Missing: true}, nil
		}
		res, err := w.create(ctx, dest, want, digest)
		if !apierrors.IsAlreadyExists(err) {
			return res, wrap(dest, err)
		}
	}
	current, err := w.current(ctx, dest, seen, mem)
	switch {
	case apierrors.IsNotFound(err) && dest.Creation == delivery.Merge:
		return Result{Missing: true}, nil
	case apierrors.IsNotFound(err):
		res, err := w.create(ctx, dest, want, digest)
		return res, wrap(dest, err)
	case err != nil:
		return Result{}, wrap(dest, err)
	}
	return w.update(ctx, dest, want, current, digest)
}

// checkSize refuses what the API server would (ValidateSecret: the sum of the
// values).
func checkSize(dest *delivery.Destination, d secret.Data) error {
	size := 0
	for _, v := range d {
		size += v.Len()
	}
	if size <= corev1.MaxSecretSize {
		return nil
	}
	return &delivery.Error{Kind: delivery.WriteFailed, Message: fmt.Sprintf(
		"the data for Secret %s takes %d bytes, and a Secret holds at most %d: deliver fewer keys, or split it over several objects",
		dest.Name, size, corev1.MaxSecretSize)}
}

// digest is over everything that an update could write.
func (w *Writer) digest(dest *delivery.Destination, want Desired) secret.Digest {
	all := make(secret.Data, len(want.Data)+len(want.Labels)+len(want.Annotations)+2)
	for k, v := range want.Data {
		all["d/"+k] = v
	}
	for k, v := range want.Labels {
		all["l/"+k] = secret.NewString(v)
	}
	for k, v := range want.Annotations {
		all["a/"+k] = secret.NewString(v)
	}
	all["type"] = secret.NewString(dest.Type)
	all["terms"] = secret.NewString(fmt.Sprint(dest.Creation, dest.Immutable, dest.Owner.UID, dest.Finalizers))
	return w.Key.Digest(all)
}

// Knows reports that the Secret as seen is the one remembered, or an older
// state of it because the watch lags behind our own write.
func (m Memory) Knows(seen *metav1.PartialObjectMetadata) bool {
	return m.Name == seen.Name && m.Version != "" && (m.Version == seen.ResourceVersion || Older(seen.ResourceVersion, m.Version))
}

// Holds reports that the destination's terms of ownership are met by a Secret
// as it was seen.
func Holds(dest *delivery.Destination, seen *metav1.PartialObjectMetadata) bool {
	return seen.DeletionTimestamp == nil &&
		(dest.Creation != delivery.Owner || controller(&seen.ObjectMeta, dest) == ours)
}

// Recognise reads a Secret that somebody wrote to, and reports whether it is
// still as remembered, others' labels and annotations aside. Then mem is what
// to remember from now on.
func (w *Writer) Recognise(ctx context.Context, dest *delivery.Destination, mem Memory) (Memory, bool) {
	if mem.Version == "" || mem.Name != dest.Name || mem.Frozen || dest.Creation.Merges() {
		return mem, false
	}
	got, err := w.Core.Secrets(dest.Namespace).Get(ctx, dest.Name, metav1.GetOptions{})
	if err != nil || got.DeletionTimestamp != nil {
		return mem, false // the run that follows finds out
	}
	if dest.Creation == delivery.Owner && controller(&got.ObjectMeta, dest) != ours {
		return mem, false
	}
	is := Desired{Data: secret.FromMap(got.Data), Labels: pick(got.Labels, mem.Labels), Annotations: pick(got.Annotations, mem.Annotations)}
	if w.digest(dest, is) != mem.Digest {
		return mem, false
	}
	mem.Version = got.ResourceVersion
	return mem, true
}

// pick returns the entries of m under the keys.
func pick(m map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}

// Older reports whether resource version a came before b. Resource versions
// of one resource are comparable as numbers (Kubernetes KEP-5504); what is no
// number is not older.
func Older(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x < y
}

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
func (w *Writer) current(ctx context.Context, dest *delivery.Destination, seen *metav1.PartialObjectMetadata, mem Memory) (state, error) {
	known := seen != nil && mem.Name == dest.Name && mem.Version != "" && mem.Version == seen.ResourceVersion
	if known && mem.Immutable == dest.Immutable && !dest.Creation.Merges() {
		return state{meta: seen.ObjectMeta, memory: mem, empty: mem.Empty, labels: mem.Labels, annotations: mem.Annotations}, nil
	}
	got, err := w.Core.Secrets(dest.Namespace).Get(ctx, dest.Name, metav1.GetOptions{})
	if err != nil {
		return state{}, err
	}
	owned := ownedFields(got.ManagedFields, func(manager string) bool { return manager == dest.FieldManager })
	return state{
		meta: got.ObjectMeta, full: got, empty: len(got.Data) == 0, keys: owned.under("f:data"),
		labels: owned.under("f:metadata", "f:labels"), annotations: owned.under("f:metadata", "f:annotations"),
	}, nil
}

func (w *Writer) create(ctx context.Context, dest *delivery.Destination, want Desired, digest secret.Digest) (Result, error) {
	obj := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: dest.Namespace, Name: dest.Name,
			Labels: want.Labels, Annotations: want.Annotations, Finalizers: dest.Finalizers,
		},
		Type: corev1.SecretType(dest.Type), Data: want.Data.Reveal(),
	}
	if dest.Immutable {
		obj.Immutable = &dest.Immutable
	}
	if dest.Creation == delivery.Owner {
		obj.OwnerReferences = []metav1.OwnerReference{ownerReference(dest.Owner)}
	}
	got, err := w.Core.Secrets(dest.Namespace).Create(ctx, obj, metav1.CreateOptions{FieldManager: dest.FieldManager})
	if err != nil {
		return Result{}, err
	}
	return Result{Change: delivery.Created, Memory: remember(got, want, digest)}, nil
}

// remember is the Memory of a Secret that is as desired.
func remember(s *corev1.Secret, want Desired, digest secret.Digest) Memory {
	return Memory{Name: s.Name, Version: s.ResourceVersion, Digest: digest,
		Immutable: s.Immutable != nil && *s.Immutable, Empty: len(s.Data) == 0,
		Labels: sortedKeys(want.Labels), Annotations: sortedKeys(want.Annotations)}
}

// Delete removes the Secret if dest.Owner controls it, and reports whether
// there was one.
func (w *Writer) Delete(ctx context.Context, dest *delivery.Destination, name string) (bool, error) {
	secrets := w.Core.Secrets(dest.Namespace)
	got, err := secrets.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, wrap(dest, err)
	}
	if c := metav1.GetControllerOf(got); c == nil || string(c.UID) != dest.Owner.UID {
		return false, nil
	}
	err = secrets.Delete(ctx, name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &got.UID, ResourceVersion: &got.ResourceVersion}})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, wrap(dest, err)
}

func ownerReference(o delivery.Object) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID),
		Controller: &yes, BlockOwnerDeletion: &yes}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
