package target

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

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

// inherit is claim under Marked, of what bears the mark of an object that is no
// more too: nobody's, it is taken over. Within one namespace only, where it was
// renamed, or the same people could make it again; others may have kept what
// it made for reasons of their own.
func (w *Writer) inherit(ctx context.Context, dest *Target, cur state) (adopting bool, err error) {
	adopting, err = w.claimMarked(dest, cur)
	if delivery.KindOf(err) != delivery.TargetOwned || w.Gone == nil || cur.meta.Annotations[delivery.Adopt] != "" {
		return adopting, err
	}
	owner, ok := dest.OwnerOf(&cur.meta)
	if ok && owner.Namespace == dest.Owner.Namespace && w.Gone(ctx, dest.Destination, owner) {
		return true, nil
	}
	return adopting, err
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
