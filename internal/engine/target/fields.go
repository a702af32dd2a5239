package target

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fields are what some field managers own of an object (FieldsV1, see
// structured-merge-diff: "f:name" is a field of a map).
type fields []managed

type managed struct {
	manager string
	set     map[string]any
}

// ownedFields returns what the managers that match own.
func ownedFields(entries []metav1.ManagedFieldsEntry, match func(manager string) bool) fields {
	var out fields
	for _, e := range entries {
		if !match(e.Manager) || e.FieldsV1 == nil || e.Subresource != "" {
			continue
		}
		var set map[string]any
		if json.Unmarshal(e.FieldsV1.GetRawBytes(), &set) == nil {
			out = append(out, managed{e.Manager, set})
		}
	}
	return out
}

// under lists the owned keys of the map at path, sorted.
func (f fields) under(path ...string) []string {
	var keys []string
	for _, m := range f {
		set := m.set
		for _, p := range path {
			set, _ = set[p].(map[string]any)
		}
		for k := range set {
			if name, ok := strings.CutPrefix(k, "f:"); ok {
				keys = append(keys, name)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// managerOf names who owns a key of the data.
func (f fields) managerOf(key string) string {
	for _, m := range f {
		if data, _ := m.set["f:data"].(map[string]any); data != nil {
			if _, ok := data["f:"+key]; ok {
				return m.manager
			}
		}
	}
	return ""
}
