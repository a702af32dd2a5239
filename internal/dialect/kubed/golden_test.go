package kubed

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// language is configured as the name of the manifest says.
func language(m dialecttest.Manifest) []dialecttest.Kind {
	opts := Options{AllNamespaces: strings.Contains(m.Name, "all")}
	if strings.Contains(m.Name, "prod") {
		opts.Cluster = "prod"
	}
	return []dialecttest.Kind{
		dialecttest.Deliveries(New("Secret", opts)),
		dialecttest.Deliveries(New("ConfigMap", opts)),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	dialecttest.Examples(t, "kubed/*.yaml", 1, language)
}
