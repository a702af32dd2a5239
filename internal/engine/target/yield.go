package target

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// yes is the value with which an annotation of delivery.Yield counts.
const yes = "true"

// merges reports that other writers' keys in the object stay.
func (t *Target) merges() bool { return t.patching || t.Creation.Merges() }

// on is the target on the terms that a Secret with these annotations gives,
// under Yield: one that is only to be patched keeps its owner, whoever that is,
// and somebody else's is neither frozen nor held.
func (t *Target) on(meta *metav1.ObjectMeta) *Target {
	if t.Yield == nil || t.Yield.Patch == "" || meta.Annotations[t.Yield.Patch] != yes {
		return t
	}
	one, dest := *t, *t.Destination
	one.Destination, one.patching = &dest, true
	switch {
	case meta.Annotations[t.Yield.Managed] == yes:
	case controller(meta, t) == ours:
		dest.Creation = delivery.Owner
	default:
		dest.Creation, dest.Immutable, dest.Finalizers = delivery.CreateOrMerge, false, nil
	}
	return &one
}

// claimYield is claim under Yield.
func claimYield(dest *Target, cur state) (adopting bool, err error) {
	if cur.full == nil {
		return false, nil // nobody wrote since we did
	}
	c := metav1.GetControllerOfNoCopy(&cur.meta)
	switch whose := controller(&cur.meta, dest); {
	case whose == ours, dest.Creation == delivery.CreateOrMerge:
		return false, nil
	case whose != nobody:
		return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
			"%s: it is controlled by %s %s, which would undo what is written; with the annotation %s=%s alone it is only added to",
			unmanaged(dest), c.Kind, c.Name, dest.Yield.Patch, yes)}
	case cur.meta.Annotations[dest.Yield.Managed] == yes:
		return true, nil
	case cur.meta.Annotations[dest.Yield.Unowned] == yes && writtenByUs(dest, cur):
		return false, nil
	}
	return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
		"%s: to give it up, annotate it with %s=%s; to have it only added to, with %s=%s",
		unmanaged(dest), dest.Yield.Managed, yes, dest.Yield.Patch, yes)}
}

// unmanaged is how Sealed Secrets says it.
func unmanaged(dest *Target) string {
	return fmt.Sprintf("Resource %q already exists and is not managed by %s", dest.Name, dest.Owner.Kind)
}

// writtenByUs reports that we, or the original, wrote something of the Secret.
func writtenByUs(dest *Target, cur state) bool {
	return len(ownedFields(cur.full.ManagedFields, dest.writers(false))) > 0
}

// writers are the field managers whose fields are the object's: our own, and the
// original's where the Secret is known to be of its making.
func (t *Target) writers(strictly bool) func(manager string) bool {
	return func(manager string) bool {
		return manager == t.FieldManager || !strictly && slices.Contains(t.Marks.Makers, manager)
	}
}

// whole has a write replace the labels and annotations that are there, all of
// which belong to a Secret that was given up.
func (s *state) whole() {
	s.labels, s.annotations = sortedKeys(s.meta.Labels), sortedKeys(s.meta.Annotations)
}
