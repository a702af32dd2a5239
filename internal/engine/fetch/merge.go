package fetch

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// rewriteMerge reads every value as a JSON object and merges their top-level
// keys: those of the alphabetically later key win, and those of the keys in
// Priority win over all others, the last most.
func rewriteMerge(src *delivery.Source, i int, data secret.Data) (secret.Data, error) {
	op := src.Rewrites[i].Merge
	if !op.Extract && op.Into == "" {
		return nil, problem(src, delivery.Invalid, "rewrite[%d].merge: strategy JSON needs into", i)
	}
	merged := map[string]gjson.Result{}
	for _, key := range mergeOrder(op.Priority, data) {
		v, ok := data[key]
		if !ok && op.IgnoreMissing {
			continue
		}
		if !ok {
			return nil, problem(src, delivery.PropertyMissing,
				"rewrite[%d].merge: priority names %q, which is not among the keys; priorityPolicy IgnoreNotFound allows that", i, key)
		}
		members, fault := object(v.Reveal())
		if fault != "" {
			return nil, problem(src, delivery.Malformed, "rewrite[%d].merge: the value of %q %s", i, key, fault)
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if _, taken := merged[name]; taken && !op.IgnoreConflicts {
				return nil, problem(src, delivery.Malformed,
					"rewrite[%d].merge: %q and another value both have the key %q; conflictPolicy Ignore lets the later win", i, key, name)
			}
			merged[name] = members[name]
		}
	}
	if !op.Extract {
		out := maps.Clone(data)
		if out == nil {
			out = secret.Data{}
		}
		out[op.Into] = secret.New(joinObject(merged))
		return out, nil
	}
	out := make(secret.Data, len(merged))
	for name, v := range merged {
		out[name] = plainValue(v)
	}
	return out, nil
}

func mergeOrder(priority []string, data secret.Data) []string {
	keys := slices.DeleteFunc(sorted(data), func(k string) bool { return slices.Contains(priority, k) })
	return append(keys, priority...)
}

// joinObject writes the members back as they were read, so that no number
// loses a digit.
func joinObject(members map[string]gjson.Result) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b.WriteByte(',')
		}
		_ = enc.Encode(name)    // of a string into a buffer: cannot fail
		b.Truncate(b.Len() - 1) // the newline that Encode ends with
		b.WriteByte(':')
		b.WriteString(members[name].Raw)
	}
	b.WriteByte('}')
	return b.Bytes()
}
