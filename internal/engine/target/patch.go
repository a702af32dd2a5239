package target

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

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

func ownerReference(o delivery.Object) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID),
		Controller: &yes, BlockOwnerDeletion: &yes}
}
