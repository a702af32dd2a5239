package target

import (
	"bytes"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// holds reports that the Secret already is what is desired.
func holds(dest *Target, want Desired, cur state) bool {
	s := cur.full
	if want.Type != "" && string(s.Type) != want.Type || !sameData(dest, want, cur) {
		return false
	}
	if dest.Immutable && !immutable(s) {
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

func immutable(s *corev1.Secret) bool { return s.Immutable != nil && *s.Immutable }

// immutable reports that the API server lets nobody change the data.
func (s *state) immutable() bool {
	return s.full != nil && immutable(s.full)
}

// onlyMeta reports that nothing of the data of an immutable Secret is to change:
// then it can be written all the same.
func onlyMeta(dest *Target, want Desired, cur state) bool {
	return dest.Yield != nil && sameData(dest, want, cur)
}
