package target

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// filledIn are the keys with which the cluster fills in the Secret of a service
// account's token. A write that took them out would revoke the token.
var filledIn = []string{corev1.ServiceAccountTokenKey, corev1.ServiceAccountRootCAKey, corev1.ServiceAccountNamespaceKey}

// kept is what is desired, with those values that are there and that are not to
// be replaced; false if there are none.
func kept(dest *Target, want Desired, cur state) (Desired, bool) {
	if cur.full == nil {
		return want, false
	}
	var keys []string
	if cur.full.Type == corev1.SecretTypeServiceAccountToken {
		keys = slices.DeleteFunc(slices.Clone(filledIn), func(k string) bool {
			_, said := want.Data[k]
			_, there := cur.full.Data[k]
			return said || !there
		})
	}
	if before := want.with(cur, slices.Concat(keys, want.Varying)); madeBefore(dest, before, cur) {
		return before, true
	}
	return want.with(cur, keys), len(keys) > 0
}

// madeBefore reports that the Secret is what an earlier process made of the
// same manifest, so far as that can be told: before is what is desired, with
// the values that are there of the keys that vary. Somebody who edited only
// those while no operator ran is not found out; while one runs, its memory
// tells.
func madeBefore(dest *Target, before Desired, cur state) bool {
	if len(before.Varying) == 0 || dest.Memory.Version != "" || !sameData(dest, before, cur) {
		return false
	}
	return controller(&cur.meta, dest) == ours || writtenByUs(dest, cur)
}

// with is what is desired, with the values that are there of these keys.
func (d Desired) with(cur state, keys []string) Desired {
	if len(keys) == 0 {
		return d
	}
	data := make(secret.Data, len(d.Data)+len(keys))
	maps.Copy(data, d.Data)
	for _, k := range keys {
		if v, ok := cur.full.Data[k]; ok {
			data[k] = secret.New(v)
		}
	}
	d.Data = data
	return d
}
