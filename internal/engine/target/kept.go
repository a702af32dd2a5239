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

// kept is what is desired, with those values that are there and that the
// desired ones must not replace.
func kept(want Desired, cur state) Desired {
	if cur.full == nil || cur.full.Type != corev1.SecretTypeServiceAccountToken {
		return want
	}
	return want.with(cur, slices.DeleteFunc(slices.Clone(filledIn), func(k string) bool {
		_, said := want.Data[k]
		_, there := cur.full.Data[k]
		return said || !there
	}))
}

// with is what is desired, with these of the values that are there.
func (d Desired) with(cur state, keys []string) Desired {
	if len(keys) == 0 {
		return d
	}
	data := make(secret.Data, len(d.Data)+len(keys))
	maps.Copy(data, d.Data)
	for _, k := range keys {
		data[k] = secret.New(cur.full.Data[k])
	}
	d.Data = data
	return d
}
