package shape

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch/codec"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// rekey renames and decodes single keys. A key that was not read is skipped.
func rekey(sh delivery.Shape, data secret.Data) (secret.Data, error) {
	if len(sh.Keys) == 0 && !sh.Only {
		return data, nil
	}
	out := secret.Data{}
	if !sh.Only {
		maps.Copy(out, data)
	}
	for _, k := range sh.Keys {
		delete(out, k.Key)
	}
	for _, k := range sh.Keys {
		v, ok := data[k.Key]
		if !ok {
			continue
		}
		as := k.Key
		if k.As != "" {
			as = k.As
		}
		if faults := validation.IsConfigMapKey(as); len(faults) > 0 {
			return nil, failed(fmt.Sprintf("key %q", k.Key), fmt.Sprintf("cannot be named %q: %s", as, strings.Join(faults, "; ")), nil)
		}
		decoded, err := codec.Decode(k.Decode, v)
		if err != nil {
			return nil, failed(fmt.Sprintf("key %q", k.Key), err.Error(), nil)
		}
		out[as] = decoded
	}
	return out, nil
}

// Carried are the labels or annotations of a source object that go along with
// its data.
func Carried(of map[string]string, without []string) map[string]string {
	out := map[string]string{}
	for k, v := range of {
		stays := slices.ContainsFunc(without, func(w string) bool {
			return k == w || strings.HasSuffix(w, "/") && strings.HasPrefix(k, w)
		})
		if !stays {
			out[k] = v
		}
	}
	return out
}
