// Package target writes Secrets and ConfigMaps: each whole, in one write, and
// only those that are ours to write.
package target

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Target is one object that is written, on the terms of a destination.
type Target struct {
	// Destination with the Namespace and Name of this one object.
	*delivery.Destination
	// Cluster is the name of another cluster; empty is the operator's own.
	Cluster string
	// OwnerOf tells whose target an object is, under Marked.
	OwnerOf OwnerOf
	// Remake lets an object that is wholly ours be deleted and made anew where
	// it cannot be changed: the copies of a source may change their type.
	Remake bool
	// Seen is the object's metadata as last watched, nil if it was not seen;
	// it may lag behind.
	Seen *metav1.PartialObjectMetadata
	// Memory is what the last Apply left.
	Memory Memory
	// patching: the Secret asks for additions alone. See on.
	patching bool
}

// OwnerOf names the object whose target another is, by what is written on it.
type OwnerOf func(*metav1.ObjectMeta) (types.NamespacedName, bool)

// ref is how messages name the target.
func (t *Target) ref() string { return t.kind() + " " + t.Name }

func (t *Target) kind() string { return cmp.Or(t.Kind, kindSecret) }

// Desired is what an object should hold of ours.
type Desired struct {
	Data                secret.Data
	Type                string
	Labels, Annotations map[string]string
	// Varying are keys of Data whose values are others each time they are made,
	// and stay as they are in a Secret that was made before and is otherwise as
	// desired.
	Varying []string
	// Stamps are annotations that tell of a write and cause none, unless they
	// are missing or empty.
	Stamps map[string]string
}

// annotations are all that a write sets.
func (d *Desired) annotations() map[string]string {
	if len(d.Stamps) == 0 {
		return d.Annotations
	}
	all := maps.Clone(d.Stamps)
	maps.Copy(all, d.Annotations)
	return all
}

// Result is how an Apply ended.
type Result struct {
	Change delivery.Change
	// Missing: the Secret is not there and not ours to make.
	Missing bool
	Memory  Memory
}

// Writer writes Secrets and ConfigMaps with clients that do not throttle.
type Writer struct {
	Core corev1client.CoreV1Interface
	// Other gives the client of another cluster. The error is a
	// *delivery.Error: Invalid where there can be none.
	Other func(ctx context.Context, cluster string) (corev1client.CoreV1Interface, error)
	// Key keys the digests in Memory.
	Key secret.Key
	// Rival reports whether the object that writes as this field manager
	// still wants the destination; without it a name in the managed fields
	// of a Secret would shut everybody out after its object is gone.
	Rival func(ctx context.Context, dest *delivery.Destination, manager string) bool
	// Gone reports that there is no object of the owner's kind and of that name,
	// whose mark is on the destination. Without it every mark counts.
	Gone func(ctx context.Context, dest *delivery.Destination, name types.NamespacedName) bool
	// MarkSets are of the languages that know what is theirs by marks. What is given
	// to one of them loses the others' marks.
	MarkSets []MarkSet
}

// Apply makes the object what is desired. Without a change of either side
// since Memory was made there is no request at all. The error is a
// *delivery.Error.
func (w *Writer) Apply(ctx context.Context, dest *Target, want Desired) (Result, error) {
	seen, mem := dest.Seen, dest.Memory
	if err := checkSize(dest, want.Data); err != nil {
		return Result{}, err
	}
	if privileged(dest, corev1.SecretType(want.Type)) {
		return Result{}, &delivery.Error{Kind: delivery.TargetControlled, Have: want.Type, Message: fmt.Sprintf(
			"%s is not made: Secrets of type %s are acted on by the cluster itself", dest.ref(), want.Type)}
	}
	if reserved(dest) {
		return Result{}, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
			"%s is not made: only the cluster itself says what it holds", dest.ref())}
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
	current, err := w.current(ctx, dest, want.Type)
	switch {
	case apierrors.IsNotFound(err) && dest.Creation == delivery.Merge:
		return Result{Missing: true}, nil
	case apierrors.IsNotFound(err):
		res, err := w.create(ctx, dest, want, digest)
		return res, wrap(dest, err)
	case err != nil:
		return Result{}, wrap(dest, err)
	}
	on := dest.on(&current.meta)
	if stays, some := kept(on, want, current); some {
		want, digest = stays, w.digest(dest, stays)
	}
	return w.update(ctx, on, want, current, digest)
}

// checkSize refuses what the API server would (ValidateSecret: the sum of the
// values).
func checkSize(dest *Target, d secret.Data) error {
	size := 0
	for _, v := range d {
		size += v.Len()
	}
	if size <= corev1.MaxSecretSize {
		return nil
	}
	return &delivery.Error{Kind: delivery.WriteFailed, Message: fmt.Sprintf(
		"the data for %s takes %d bytes, and a %s holds at most %d: deliver fewer keys, or split it over several objects",
		dest.ref(), size, dest.kind(), corev1.MaxSecretSize)}
}

func (w *Writer) create(ctx context.Context, dest *Target, want Desired, digest secret.Digest) (Result, error) {
	obj := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: dest.Namespace, Name: dest.Name,
			Labels: want.Labels, Annotations: want.annotations(), Finalizers: dest.Finalizers,
		},
		Type: corev1.SecretType(want.Type), Data: want.Data.Reveal(),
	}
	if dest.Immutable {
		obj.Immutable = &dest.Immutable
	}
	if dest.Creation == delivery.Owner {
		obj.OwnerReferences = []metav1.OwnerReference{ownerReference(dest.Owner)}
	}
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return Result{}, err
	}
	got, err := objs.create(ctx, obj, dest.FieldManager)
	if err != nil {
		return Result{}, err
	}
	return Result{Change: delivery.Created, Memory: remember(got, want, digest)}, nil
}
