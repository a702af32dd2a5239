package externalsecrets

import (
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// FuzzTranslate reads any YAML as each of the kinds: nothing may panic, an
// error names a field, and what a plan promises holds.
func FuzzTranslate(f *testing.F) {
	dialecttest.Seed(f)
	f.Fuzz(func(t *testing.T, manifest []byte) {
		for _, kind := range language(dialecttest.Manifest{}) {
			obj := kind.New()
			if yaml.Unmarshal(manifest, obj) != nil {
				return
			}
			plan, err := kind.Translate(obj)
			if err != nil {
				dialecttest.CheckError(t, err, "spec", delivery.Invalid, delivery.Unsupported)
			}
			switch p := plan.(type) {
			case delivery.Delivery:
				checkPlan(t, &p)
			case delivery.Store:
				if (err == nil) != (p.Config != nil) {
					t.Errorf("config %v beside error %v", p.Config, err)
				}
				if p.Retry.Every < 0 || p.Recheck < 0 {
					t.Errorf("negative times: %+v", p)
				}
			}
		}
		es := &esv1.ExternalSecret{}
		if yaml.Unmarshal(manifest, es) == nil {
			ExternalSecrets().Report(es, delivery.Outcome{Result: delivery.Synced}, time.Unix(0, 0))
		}
	})
}

func checkPlan(t *testing.T, p *delivery.Delivery) {
	if p.Object.Kind != esv1.ExternalSecretKind {
		t.Errorf("the plan is of %s", p.Object)
	}
	if n := len(p.Destination.FieldManager); n > 128 && len(p.Object.Name) <= 253 {
		t.Errorf("a field manager of %d bytes", n)
	}
	for _, ref := range p.Stores() {
		if ref.Namespace != "" && ref.Namespace != p.Object.Namespace {
			t.Errorf("reads %s of another namespace", ref)
		}
	}
}
