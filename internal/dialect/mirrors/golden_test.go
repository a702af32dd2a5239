package mirrors

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// options let credentials come from one namespace beside the object's own.
var options = Options{CredentialNamespaces: []string{"vault-logins"}}

func language(dialecttest.Manifest) []dialecttest.Kind {
	return []dialecttest.Kind{dialecttest.Deliveries(SecretMirrors(options))}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	dialecttest.Examples(t, "mirrors/*.yaml", 5, language)
}
