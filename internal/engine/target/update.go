package target

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

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
