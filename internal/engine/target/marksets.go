package target

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// MarkSet is how a language knows its objects of a kind by their marks.
type MarkSet struct {
	Kind string // Secret or ConfigMap
	// Owner is delivery.Marks.Owner, by which languages are told apart.
	Owner   string
	OwnerOf OwnerOf
	// Labels and Annotations are the keys of all that it marks with.
	Labels, Annotations []string
}

// NewMarkSet is that of the language which knows objects of the kind by these marks, or
// by others with the same keys.
func NewMarkSet(kind string, marks *delivery.Marks, ownerOf OwnerOf) MarkSet {
	t := MarkSet{Kind: kind, Owner: marks.Owner, OwnerOf: ownerOf}
	t.Labels = slices.Concat(sortedKeys(marks.Labels), sortedKeys(marks.Legacy))
	t.Annotations = slices.Concat(sortedKeys(marks.Annotations), sortedKeys(marks.Follow))
	for key := range marks.Stamps {
		t.Annotations = append(t.Annotations, key)
	}
	for _, key := range marks.Stale {
		if strings.HasPrefix(key, domain(marks.Owner)) {
			t.Annotations = append(t.Annotations, key)
		}
	}
	for _, keys := range []*[]string{&t.Labels, &t.Annotations} {
		slices.Sort(*keys)
		*keys = slices.Compact(*keys)
	}
	return t
}

// domain is what all keys of a language begin with, up to the slash.
func domain(key string) string { return key[:strings.LastIndex(key, "/")+1] }

// name and fullName are what delivery.Adopt may call the target's owner.
func (t *Target) name() string { return t.Owner.Namespace + "/" + t.Owner.Name }

func (t *Target) fullName() string { return domain(t.Marks.Owner) + t.name() }

// givenAway is whom the object is given to, if that is somebody else than the
// target's owner.
func (t *Target) givenAway(annotations map[string]string) string {
	if to := annotations[delivery.Adopt]; to != t.name() && to != t.fullName() {
		return to
	}
	return ""
}

// others are the languages beside the target's own.
func (w *Writer) others(dest *Target) []MarkSet {
	var all []MarkSet
	for _, t := range w.MarkSets {
		if t.Kind == dest.kind() && t.Owner != dest.Marks.Owner {
			all = append(all, t)
		}
	}
	return all
}

// namesake reports that the object is in another language that of an object
// which has the very name of the target's owner.
func (w *Writer) namesake(dest *Target, meta *metav1.ObjectMeta) bool {
	return slices.ContainsFunc(w.others(dest), func(t MarkSet) bool {
		owner, ok := t.OwnerOf(meta)
		return ok && owner == (types.NamespacedName{Namespace: dest.Owner.Namespace, Name: dest.Owner.Name})
	})
}

// strange are the labels and annotations that mark an object, which was given
// to the target's owner, as another language's: that would write it as well.
func (w *Writer) strange(dest *Target, meta *metav1.ObjectMeta) (labels, annotations []string) {
	if dest.Creation != delivery.Marked || meta.Annotations[delivery.Adopt] == "" || dest.givenAway(meta.Annotations) != "" {
		return nil, nil
	}
	for _, t := range w.others(dest) {
		labels = append(labels, present(meta.Labels, t.Labels)...)
		annotations = append(annotations, present(meta.Annotations, t.Annotations)...)
	}
	return labels, annotations
}

// shed has a write remove these, as if they were ours.
func (s *state) shed(labels, annotations []string) {
	s.labels, s.annotations = slices.Concat(s.labels, labels), slices.Concat(s.annotations, annotations)
}

func present(m map[string]string, keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { _, ok := m[k]; return !ok })
}
