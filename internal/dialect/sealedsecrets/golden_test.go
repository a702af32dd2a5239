package sealedsecrets

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

func language(dialecttest.Manifest) []dialecttest.Kind {
	return []dialecttest.Kind{dialecttest.Deliveries(SealedSecrets())}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}
