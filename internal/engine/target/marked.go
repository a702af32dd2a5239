package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// marked tells whose an object is by its marks.
func marked(dest *Target, obj metav1.Object) controlledBy {
	meta := &metav1.ObjectMeta{Namespace: obj.GetNamespace(), Name: obj.GetName(), Labels: obj.GetLabels(), Annotations: obj.GetAnnotations()}
	owner, ok := dest.OwnerOf(meta)
	switch {
	case dest.givenAway(meta.Annotations) != "":
		return others
	case ok && owner == (types.NamespacedName{Namespace: dest.Owner.Namespace, Name: dest.Owner.Name}):
		return ours
	case ok:
		return sibling
	case legacy(dest, meta):
		return ours
	}
	return nobody
}

// legacy reports that the original made the object before it named owners.
func legacy(dest *Target, meta *metav1.ObjectMeta) bool {
	if _, named := meta.Annotations[dest.Marks.Owner]; named || len(dest.Marks.Legacy) == 0 {
		return false
	}
	for k, v := range dest.Marks.Legacy {
		if meta.Labels[k] != v {
			return false
		}
	}
	return true
}

// claimMarked is claim under Marked.
func (w *Writer) claimMarked(dest *Target, cur state) (adopting bool, err error) {
	if cur.full == nil {
		return false, nil // nobody wrote since we did
	}
	if dest.Owner.UID != "" && string(cur.meta.UID) == dest.Owner.UID {
		return false, &delivery.Error{Kind: delivery.Invalid, Message: dest.ref() + " is the source itself"}
	}
	if c := metav1.GetControllerOfNoCopy(&cur.meta); c != nil && controller(&cur.meta, dest) != ours {
		return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
			"%s is controlled by %s %s and is left alone", dest.ref(), c.Kind, c.Name)}
	}
	given, way := cur.meta.Annotations[delivery.Adopt], dest.name()
	if w.namesake(dest, &cur.meta) {
		way = dest.fullName()
	}
	switch whose := marked(dest, cur.full); {
	case given == dest.name() && given != way:
		return false, &delivery.Error{Kind: delivery.TargetOwned, Message: fmt.Sprintf(
			"%s is left alone: objects of two languages have the name in its annotation %s; to give it to this one, annotate it with %s=%s",
			dest.ref(), delivery.Adopt, delivery.Adopt, way)}
	case whose == ours:
		return false, nil
	case whose == others:
		return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
			"%s is given to %s by its annotation and is left alone; to give it to this %s, annotate it with %s=%s",
			dest.ref(), shown(given), dest.Owner.Kind, delivery.Adopt, way)}
	case given != "":
		return true, nil
	case whose == sibling:
		owner, _ := dest.OwnerOf(&cur.meta)
		return false, &delivery.Error{Kind: delivery.TargetOwned, Message: fmt.Sprintf(
			"%s belongs to %s %s and is left alone; to give it to this one, annotate it with %s=%s",
			dest.ref(), dest.Owner.Kind, owner, delivery.Adopt, way)}
	}
	return false, &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
		"%s is there already and was not made by this %s; to give it away, annotate it with %s=%s",
		dest.ref(), dest.Owner.Kind, delivery.Adopt, way)}
}

// shown is a name that somebody wrote, if it is one: it may be anything.
func shown(name string) string {
	if len(name) > 3*validation.DNS1123SubdomainMaxLength || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-./", r)
	}) {
		return "another"
	}
	return name
}

// Delete removes the object if it is dest.Owner's, and reports whether it did.
func (w *Writer) Delete(ctx context.Context, dest *Target) (bool, error) {
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return false, err
	}
	got, err := objs.get(ctx, dest.Name)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, wrap(dest, err)
	case !mayDelete(dest, got):
		return false, nil
	}
	err = objs.delete(ctx, got)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, wrap(dest, err)
}

func mayDelete(dest *Target, got *corev1.Secret) bool {
	c := metav1.GetControllerOf(got)
	if dest.Creation != delivery.Marked {
		return c != nil && string(c.UID) == dest.Owner.UID
	}
	if c != nil || marked(dest, got) != ours || !markedByUs(dest, got) || dest.Owner.UID != "" && string(got.UID) == dest.Owner.UID {
		return false
	}
	// What a follower's marks differ in tells that we made it ourselves, and
	// not somebody who only asked to have it filled.
	for k, follow := range dest.Marks.Follow {
		if made := dest.Marks.Annotations[k]; follow != made && got.Annotations[k] != made {
			return false
		}
	}
	return true
}

// markedByUs reports that the mark was written by us or by the original, and
// not by somebody who copied or restored the object with all that was on it.
func markedByUs(dest *Target, got *corev1.Secret) bool {
	makers := ownedFields(got.ManagedFields, func(manager string) bool {
		return manager == dest.FieldManager || slices.Contains(dest.Marks.Makers, manager)
	})
	return slices.Contains(makers.under("f:metadata", "f:annotations"), dest.Marks.Owner)
}
