package doppler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

const (
	processPlain  = "plain"
	processBase64 = "base64"
)

// shape is what the processors ask for. They apply in the order of their
// names: as in the original, the last of those that name one key wins.
func (r *reading) shape() delivery.Shape {
	out := delivery.Shape{Only: r.secretType() != string(corev1.SecretTypeOpaque)}
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Processors)) {
		p := r.Spec.Processors[name]
		field := fmt.Sprintf("spec.processors[%s]", dialect.Quote(name))
		k := delivery.KeyShape{Key: name, As: p.AsName}
		if r.OneOf(field+".type", p.Type, processPlain, processBase64) == processBase64 {
			k.Decode = delivery.DecodeBase64
		}
		if p.AsName != "" && len(validation.IsConfigMapKey(p.AsName)) > 0 {
			r.Invalid(field+".asName", "%s is no key of a Secret; it has 1 to 253 letters, digits, '-', '_' and '.', and does not begin with '..'", dialect.Quote(p.AsName))
		}
		if idle := k.As == "" && k.Decode == ""; idle || out.Only && k.As == "" {
			continue
		}
		out.Keys = append(out.Keys, k)
	}
	if out.Only && len(out.Keys) == 0 {
		r.Invalid("spec.processors", "of a Secret of type %s only what a processor gives a name (asName) is taken, and none does; "+
			"add one, such as {NAME: {asName: key}}", dialect.Quote(r.secretType()))
	}
	return out
}

// processorsVersion is the original's annotation: a hash of what the manifest
// says about the secrets, not of any value. Empty without processors.
func processorsVersion(all map[string]dopplerv1alpha1.SecretProcessor) string {
	if len(all) == 0 {
		return ""
	}
	type processor struct {
		Type   string `json:"type"`
		AsName string `json:"asName,omitempty"`
	}
	out := make(map[string]processor, len(all))
	for name, p := range all {
		if p.Type == "" {
			p.Type = processPlain
		}
		out[name] = processor(p)
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("a map of strings always marshals: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
