package fetch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch/codec"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// rekey rewrites keys as the source asks, or else converts them, and checks
// that a Secret can have them.
func rekey(ctx context.Context, src *delivery.Source, data secret.Data) (secret.Data, error) {
	if src.Convert == delivery.ConvertNone {
		return data, nil
	}
	var err error
	if len(src.Rewrites) > 0 {
		data, err = rewrite(ctx, src, data)
	} else {
		data, err = convert(src, data)
	}
	if err != nil {
		return nil, err
	}
	// A key that was rewritten to nothing is how manifests drop it.
	delete(data, "")
	for _, key := range sorted(data) {
		if fault := keyFault(key); fault != "" {
			return nil, problem(src, delivery.Malformed, "%s; a rewrite or another conversionStrategy can change it", fault)
		}
	}
	return data, nil
}

func convert(src *delivery.Source, data secret.Data) (secret.Data, error) {
	out := make(secret.Data, len(data))
	from := make(map[string]string, len(data))
	for _, key := range sorted(data) {
		to := codec.Convert(src.Convert, key)
		if other, taken := from[to]; taken {
			return nil, problem(src, delivery.Malformed,
				"the keys %q and %q both become %q; a rewrite can keep them apart", other, key, to)
		}
		from[to] = key
		out[to] = data[key]
	}
	return out, nil
}

// shownKey is how much of an overlong key a message shows.
const shownKey = 64

func keyFault(key string) string {
	fault := codec.KeyFault(key)
	if fault == "" {
		return ""
	}
	if len(key) > shownKey {
		key = key[:shownKey] + "…"
	}
	return fmt.Sprintf("the key %q %s", key, fault)
}

// decodeAll decodes every value, and refuses NUL bytes where asked to.
func decodeAll(src *delivery.Source, data secret.Data) (secret.Data, error) {
	out := make(secret.Data, len(data))
	for _, key := range sorted(data) {
		v, err := codec.Decode(src.Decode, data[key])
		if err != nil {
			return nil, problem(src, delivery.Malformed, "for the key %q, %s", key, err)
		}
		if src.RefuseNUL && slices.Contains(v.Reveal(), 0) {
			return nil, problem(src, delivery.Malformed,
				"the value for the key %q contains a NUL byte, which nullBytePolicy refuses", key)
		}
		out[key] = v
	}
	return out, nil
}

func sorted(data secret.Data) []string { return slices.Sorted(maps.Keys(data)) }
