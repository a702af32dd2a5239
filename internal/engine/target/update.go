package target

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// update brings an existing Secret to what is desired, with one patch that
// fails if anybody wrote meanwhile.
func (w *Writer) update(ctx context.Context, dest *Target, want Desired, cur state, digest secret.Digest) (Result, error) {
	if cur.meta.DeletionTimestamp != nil {
		return Result{}, &delivery.Error{Kind: delivery.WriteFailed, Message: fmt.Sprintf(
			"%s is being deleted and still held by finalizers %v; it is made anew once it is gone", dest.ref(), cur.meta.Finalizers)}
	}
	adopting, err := w.claim(ctx, dest, want, cur)
	if err != nil {
		return Result{}, err
	}
	cur.shed(w.strange(dest, &cur.meta))
	want = keepingType(dest, want, cur)
	if refused := unchangeable(dest, want, cur); refused != nil {
		if !dest.Remake || adopting {
			return Result{}, refused
		}
		return w.remake(ctx, dest, want, cur, digest)
	}
	// What is not to be owned is ours as soon as it is right.
	if cur.full != nil && holds(dest, want, cur) && (!adopting || dest.Creation == delivery.Orphan) {
		return Result{Memory: remember(cur.full, want, digest)}, nil
	}
	if adopting && dest.Yield != nil && !dest.merges() {
		cur.whole()
	}
	if cur.immutable() && !onlyMeta(dest, want, cur) {
		return w.frozen(ctx, dest, want, cur, adopting, digest)
	}
	if cur.full == nil && cur.memory.Immutable {
		// As asked, or current would have read it: nothing to write again.
		mem := cur.memory
		mem.Digest, mem.Frozen = digest, true
		return Result{Memory: mem}, nil
	}
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return Result{}, err
	}
	got, err := objs.patch(ctx, dest.Name, patch(dest, want, cur), dest.FieldManager)
	if err != nil {
		return Result{}, wrap(dest, err)
	}
	res := Result{Change: delivery.Updated, Memory: remember(got, want, digest)}
	switch {
	case adopting:
		res.Change = delivery.Adopted
	case got.ResourceVersion == cur.meta.ResourceVersion:
		res.Change = delivery.NoChange
	}
	return res, nil
}

// Privileged reports the types of Secrets that Kubernetes itself acts on: with
// the right annotation it fills in the token of a service account, for whoever
// can read the Secret, and in kube-system it takes one for a credential.
func Privileged(kind string) bool {
	return kind == string(corev1.SecretTypeServiceAccountToken) || kind == string(corev1.SecretTypeBootstrapToken)
}

func privileged(dest *Target, kind corev1.SecretType) bool {
	return dest.kind() == kindSecret && !dest.Privileged && Privileged(string(kind))
}

func untouched(dest *Target, cur state, way string) error {
	return &delivery.Error{Kind: delivery.TargetControlled, Have: string(cur.full.Type), Message: fmt.Sprintf(
		"%s is of type %s, which the cluster itself acts on: %s", dest.ref(), cur.full.Type, way)}
}

// trusted are the ConfigMaps by which a cluster says whom to trust. Its own
// controllers make them, and where one is not there yet, or not in use, nobody
// else may: by namespace, which is empty for all of them.
var trusted = map[types.NamespacedName]bool{
	{Name: "kube-root-ca.crt"}:                                             true,
	{Name: "openshift-service-ca.crt"}:                                     true,
	{Namespace: "kube-system", Name: "extension-apiserver-authentication"}: true,
	{Namespace: "kube-system", Name: "aws-auth"}:                           true, // whom EKS lets in, and as whom
	{Namespace: "kube-public", Name: "cluster-info"}:                       true, // what new nodes trust
}

func reserved(dest *Target) bool {
	return dest.kind() == kindConfigMap &&
		(trusted[types.NamespacedName{Name: dest.Name}] || trusted[types.NamespacedName{Namespace: dest.Namespace, Name: dest.Name}])
}

// keepingType is what is desired of a follower: its own maker chose its type,
// and to have it filled asks for the data alone. What is to be a copy from now
// on looks like one, and is one that may be remade.
func keepingType(dest *Target, want Desired, cur state) Desired {
	if dest.kind() == kindSecret && cur.full != nil && !dest.Remake && dest.Marks.Follows(cur.full.Annotations) {
		want.Type = string(cur.full.Type)
	}
	return want
}

// unchangeable says why an object that is Marked, or written under Yield,
// cannot become what is desired; nil if it can. The other policies leave that to
// the API server's own words.
func unchangeable(dest *Target, want Desired, cur state) error {
	if dest.Creation != delivery.Marked && dest.Yield == nil || dest.kind() != kindSecret || cur.full == nil {
		return nil
	}
	if dest.patching && want.Type == "" {
		return nil // it may be of any
	}
	have, wanted := string(cur.full.Type), cmp.Or(want.Type, string(corev1.SecretTypeOpaque))
	if have == wanted {
		return nil
	}
	return &delivery.Error{Kind: delivery.TargetType, Have: have, Want: wanted, Message: fmt.Sprintf(
		"%s is of type %s and should be %s, which cannot be changed: delete it to have it made anew", dest.ref(), have, wanted)}
}

// remake deletes what is ours and makes it anew.
func (w *Writer) remake(ctx context.Context, dest *Target, want Desired, cur state, digest secret.Digest) (Result, error) {
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return Result{}, err
	}
	if err := objs.delete(ctx, cur.full); err != nil && !apierrors.IsNotFound(err) {
		return Result{}, wrap(dest, err)
	}
	res, err := w.create(ctx, dest, want, digest)
	if err != nil {
		// What was there is better than nothing.
		before := cur.full.DeepCopy()
		before.ResourceVersion, before.UID = "", ""
		_, _ = objs.create(ctx, before, dest.FieldManager)
	}
	res.Change = delivery.Updated
	return res, wrap(dest, err)
}

// frozen answers for a Secret that can no longer be written. As asked for, it
// is fine as it is; otherwise somebody else froze it.
func (w *Writer) frozen(ctx context.Context, dest *Target, want Desired, cur state, adopting bool, digest secret.Digest) (Result, error) {
	mine := controller(&cur.meta, dest) == ours || dest.Creation != delivery.Owner
	if dest.Remake && !adopting {
		return w.remake(ctx, dest, want, cur, digest)
	}
	if dest.Immutable && mine && dest.Yield == nil {
		mem := remember(cur.full, want, digest)
		mem.Frozen = !sameData(dest, want, cur)
		return Result{Memory: mem}, nil
	}
	return Result{}, &delivery.Error{Kind: delivery.TargetImmutable, Message: fmt.Sprintf(
		"%s is immutable and holds something else: delete it to have it made anew", dest.ref())}
}

// immutable reports that the API server lets nobody change the data.
func (s *state) immutable() bool {
	return s.full != nil && s.full.Immutable != nil && *s.full.Immutable
}

// onlyMeta reports that nothing of the data of an immutable Secret is to change:
// then it can be written all the same.
func onlyMeta(dest *Target, want Desired, cur state) bool {
	return dest.Yield != nil && sameData(dest, want, cur)
}

// controlledBy is who controls a Secret.
type controlledBy int

const (
	nobody  controlledBy = iota
	ours                 // this object, maybe under an earlier UID
	sibling              // another object of the same kind
	others
)

// controller tells who controls the Secret. The UID is not compared: an
// object restored from a backup has a new one.
func controller(meta *metav1.ObjectMeta, dest *Target) controlledBy {
	c := metav1.GetControllerOfNoCopy(meta)
	switch {
	case c == nil:
		return nobody
	case c.Kind != dest.Owner.Kind || group(c.APIVersion) != group(dest.Owner.APIVersion):
		return others
	case c.Name != dest.Owner.Name:
		return sibling
	}
	return ours
}

func group(apiVersion string) string {
	g, _, _ := strings.Cut(apiVersion, "/")
	return g
}

// claim reports whether the write takes the Secret over from nobody, or why
// it must not be written.
func (w *Writer) claim(ctx context.Context, dest *Target, want Desired, cur state) (adopting bool, err error) {
	untouchable := cur.full != nil && privileged(dest, cur.full.Type)
	switch {
	case dest.Yield != nil:
		if adopting, err = claimYield(dest, cur); err == nil && untouchable {
			err = untouched(dest, cur, "delete it to have it made anew")
		}
		return adopting, err
	case untouchable:
		return false, untouched(dest, cur, "choose another name for the target")
	case dest.Creation == delivery.Marked:
		return w.inherit(ctx, dest, cur)
	}
	switch controller(&cur.meta, dest) {
	case sibling:
		return false, &delivery.Error{Kind: delivery.TargetOwned, Message: fmt.Sprintf(
			"%s belongs to %s %s: give one of the two another target.name", dest.ref(), dest.Owner.Kind, metav1.GetControllerOfNoCopy(&cur.meta).Name)}
	case others:
		if dest.Creation == delivery.Owner {
			c := metav1.GetControllerOfNoCopy(&cur.meta)
			return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
				"%s is controlled by %s %s: choose another target.name, or creationPolicy Merge", dest.ref(), c.Kind, c.Name)}
		}
	case nobody:
		adopting = dest.Creation == delivery.Owner
	case ours:
	}
	return adopting, w.contested(ctx, dest, want, cur)
}

// contested refuses to write keys that another object of the language wrote:
// two writers of one key would undo each other for ever.
func (w *Writer) contested(ctx context.Context, dest *Target, want Desired, cur state) error {
	if cur.full == nil || dest.Siblings == "" {
		return nil
	}
	theirs := ownedFields(cur.full.ManagedFields, func(manager string) bool {
		return strings.HasPrefix(manager, dest.Siblings) && manager != dest.FieldManager && w.Rival(ctx, dest.Destination, manager)
	})
	for _, key := range theirs.under("f:data") {
		_, wanted := want.Data[key]
		_, there := cur.full.Data[key]
		if there && (wanted || !dest.merges()) {
			return &delivery.Error{Kind: delivery.TargetOwned, Message: fmt.Sprintf(
				"key %q of %s is written by another %s (field manager %s): give one of the two another target.name or key",
				key, dest.ref(), dest.Owner.Kind, theirs.managerOf(key))}
		}
	}
	return nil
}

// holds reports that the Secret already is what is desired.
func holds(dest *Target, want Desired, cur state) bool {
	s := cur.full
	if want.Type != "" && string(s.Type) != want.Type || !sameData(dest, want, cur) {
		return false
	}
	if dest.Immutable && (s.Immutable == nil || !*s.Immutable) {
		return false
	}
	if c := metav1.GetControllerOfNoCopy(s); dest.Creation == delivery.Owner && (c == nil || string(c.UID) != dest.Owner.UID) ||
		dest.Creation != delivery.Owner && controller(&s.ObjectMeta, dest) == ours {
		return false
	}
	for key := range want.Stamps {
		if s.Annotations[key] == "" {
			return false
		}
	}
	mine := slices.DeleteFunc(slices.Clone(cur.annotations), func(k string) bool { _, stamp := want.Stamps[k]; return stamp })
	annotations := want.Annotations
	if named, ok := s.Annotations[dest.Marks.Owner]; ok && dest.Creation == delivery.Marked {
		// The object was found to be ours: the original may have said so in
		// other words, which are no reason for a write.
		annotations = maps.Clone(annotations)
		annotations[dest.Marks.Owner] = named
	}
	return hasMeta(s.Labels, want.Labels, cur.labels) && hasMeta(s.Annotations, annotations, mine)
}

// sameData compares all data, or where others' keys may be beside ours, ours.
func sameData(dest *Target, want Desired, cur state) bool {
	for k, v := range want.Data {
		got, ok := cur.full.Data[k]
		if !ok || !bytes.Equal(got, v.Reveal()) {
			return false
		}
	}
	if !dest.merges() {
		return len(cur.full.Data) == len(want.Data)
	}
	return !slices.ContainsFunc(cur.keys, func(k string) bool { _, wanted := want.Data[k]; return !wanted })
}

// hasMeta reports that all wanted entries are there and none of ours is left
// over.
func hasMeta(have, want map[string]string, mine []string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return !slices.ContainsFunc(mine, func(k string) bool { _, wanted := want[k]; return !wanted })
}

// patch is a strategic merge patch that carries the version it is meant for.
func patch(dest *Target, want Desired, cur state) map[string]any {
	data := map[string]any{}
	switch {
	case dest.merges():
		for _, k := range cur.keys {
			data[k] = nil
		}
	case !cur.empty:
		// Where there is nothing to replace, the API server drops all of a
		// map that says so.
		data["$patch"] = "replace"
	}
	for k, v := range want.Data {
		data[k] = v.Reveal()
	}
	meta := map[string]any{
		// No two Secrets ever have the same version.
		"resourceVersion": cur.meta.ResourceVersion,
		"labels":          metaPatch(want.Labels, cur.labels, nil),
		"annotations":     metaPatch(want.annotations(), cur.annotations, dest.Marks.Stale),
	}
	if refs := ownerPatch(dest, &cur.meta); len(refs) > 0 {
		meta["ownerReferences"] = refs
	}
	if missing := slices.DeleteFunc(slices.Clone(dest.Finalizers), func(f string) bool { return slices.Contains(cur.meta.Finalizers, f) }); len(missing) > 0 {
		meta["finalizers"] = missing
	}
	body := map[string]any{"metadata": meta, "data": data}
	if want.Type != "" && dest.kind() == kindSecret {
		body["type"] = corev1.SecretType(want.Type)
	}
	if dest.Immutable {
		body["immutable"] = true
	}
	return body
}

// metaPatch sets what is wanted and removes what was ours, and what is stale.
func metaPatch(want map[string]string, mine, stale []string) map[string]any {
	out := map[string]any{}
	for _, k := range slices.Concat(mine, stale) {
		out[k] = nil
	}
	for k, v := range maps.All(want) {
		out[k] = v
	}
	return out
}

// ownerPatch makes the object the Secret's controller under Owner, and not
// its controller otherwise.
func ownerPatch(dest *Target, meta *metav1.ObjectMeta) []any {
	var out []any
	have := false
	for _, ref := range meta.OwnerReferences {
		if ref.Controller == nil || !*ref.Controller || controller(meta, dest) != ours {
			continue
		}
		if have = string(ref.UID) == dest.Owner.UID && dest.Creation == delivery.Owner; !have {
			out = append(out, map[string]any{"$patch": "delete", "uid": ref.UID})
		}
	}
	if dest.Creation == delivery.Owner && !have {
		out = append(out, ownerReference(dest.Owner))
	}
	return out
}
