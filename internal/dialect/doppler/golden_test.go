package doppler

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

func language(dialecttest.Manifest) []dialecttest.Kind {
	return []dialecttest.Kind{dialecttest.Deliveries(DopplerSecrets(Options{}))}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	dialecttest.Examples(t, "doppler/*.yaml", 1, language)
	dialecttest.Examples(t, "doppler/production/*.yaml", 1, language)
}
