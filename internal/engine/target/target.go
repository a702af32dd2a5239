// Package target writes Secrets and ConfigMaps: each whole, in one write, and
// only those that are ours to write.
package target

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
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
	// Type that was desired.
	Type string
	// Labels, Annotations and Stamps are the keys that we set.
	Labels, Annotations, Stamps []string
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

// digest is over everything that an update could write.
func (w *Writer) digest(dest *Target, want Desired) secret.Digest {
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
	all["type"] = secret.NewString(want.Type)
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
func Holds(dest *Target, seen *metav1.PartialObjectMetadata) bool {
	switch {
	case seen.DeletionTimestamp != nil:
		return false
	case dest.Creation == delivery.Marked:
		return marked(dest, seen) == ours
	}
	return dest.Creation != delivery.Owner || controller(&seen.ObjectMeta, dest) == ours
}

// Recognise reads a Secret that somebody wrote to, and reports whether it is
// still as remembered, others' labels and annotations aside. Then mem is what
// to remember from now on.
func (w *Writer) Recognise(ctx context.Context, dest *Target) (Memory, bool) {
	mem := dest.Memory
	if mem.Version == "" || mem.Name != dest.Name || mem.Frozen || dest.merges() {
		return mem, false
	}
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return mem, false
	}
	got, err := objs.get(ctx, dest.Name)
	if err != nil || got.DeletionTimestamp != nil {
		return mem, false // the run that follows finds out
	}
	if dest.on(&got.ObjectMeta).merges() {
		return mem, false
	}
	if dest.Creation == delivery.Owner && controller(&got.ObjectMeta, dest) != ours {
		return mem, false
	}
	if dest.Creation == delivery.Marked && marked(dest, got) != ours {
		return mem, false
	}
	if labels, annotations := w.strange(dest, &got.ObjectMeta); len(labels)+len(annotations) > 0 {
		return mem, false
	}
	for _, key := range mem.Stamps {
		if got.Annotations[key] == "" {
			return mem, false
		}
	}
	is := Desired{Type: mem.Type, Data: secret.FromMap(got.Data), Labels: pick(got.Labels, mem.Labels), Annotations: pick(got.Annotations, mem.Annotations)}
	if w.digest(dest, is) != mem.Digest {
		return mem, false
	}
	mem.Version, mem.Immutable = got.ResourceVersion, got.Immutable != nil && *got.Immutable
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

// Older reports whether resource version a came before b. What cannot be
// ordered is not older.
func Older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
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

// remember is the Memory of a Secret that is as desired.
func remember(s *corev1.Secret, want Desired, digest secret.Digest) Memory {
	return Memory{Name: s.Name, Version: s.ResourceVersion, Digest: digest,
		Immutable: s.Immutable != nil && *s.Immutable, Empty: len(s.Data) == 0,
		Type: want.Type, Labels: sortedKeys(want.Labels), Annotations: sortedKeys(want.Annotations), Stamps: sortedKeys(want.Stamps)}
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

func ownerReference(o delivery.Object) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID),
		Controller: &yes, BlockOwnerDeletion: &yes}
}

func sortedKeys(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
