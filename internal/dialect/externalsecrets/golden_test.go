package externalsecrets

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

func language(dialecttest.Manifest) []dialecttest.Kind {
	return []dialecttest.Kind{
		dialecttest.Deliveries(ExternalSecrets()),
		dialecttest.Stores(SecretStores()),
		dialecttest.Stores(ClusterSecretStores()),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	dialecttest.Examples(t, "*/*.yaml", 1, language)
}
