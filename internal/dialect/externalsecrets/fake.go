package externalsecrets

import (
	"fmt"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func (c *configs) fake(f *esv1.FakeProvider) delivery.Config {
	const field = "spec.provider.fake"
	var out delivery.FakeConfig
	for i, d := range f.Data {
		if d.Key == "" {
			c.Invalid(fmt.Sprintf("%s.data[%d].key", field, i), "it is empty; name the secret")
		}
		out.Data = append(out.Data, delivery.FakeEntry{Key: d.Key, Value: d.Value, Version: d.Version})
	}
	if r := f.ValidationResult; r != nil {
		switch *r {
		case 0:
		case 1:
			out.Unknown = true
		case 2:
			out.Invalid = true
		default:
			c.Invalid(field+".validationResult", "%d is none of 0 (ready), 1 (unknown) and 2 (error)", *r)
		}
	}
	return out
}
