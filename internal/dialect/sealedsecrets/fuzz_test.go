package sealedsecrets

import (
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// FuzzTranslate reads any YAML as a SealedSecret: nothing may panic, an error
// names a field, and a plan opens and writes under the object's own name alone.
func FuzzTranslate(f *testing.F) {
	dialecttest.Seed(f)
	d := SealedSecrets()
	f.Fuzz(func(t *testing.T, text []byte) {
		ss := &v1alpha1.SealedSecret{}
		if yaml.Unmarshal(text, ss) != nil {
			return
		}
		plan, err := d.Translate(ss)
		if err != nil {
			dialecttest.CheckError(t, err, "spec", delivery.Unsupported)
		}
		s := &plan.Sources[0].Sealed
		if s.Namespace != ss.Namespace || s.Name != ss.Name {
			t.Errorf("what was sealed for %s/%s is opened as %s/%s", ss.Namespace, ss.Name, s.Namespace, s.Name)
		}
		if to := &plan.Destination; to.Namespace != ss.Namespace || to.Name != ss.Name || to.Yield == nil {
			t.Errorf("%s/%s writes %+v", ss.Namespace, ss.Name, to)
		}
		d.Report(ss, delivery.Outcome{Result: delivery.Synced}, time.Unix(0, 0))
		if s := d.State(ss); !s.Known || !s.Ready {
			t.Errorf("after a success the state is %+v", s)
		}
		if events := d.Report(ss, delivery.Outcome{Result: delivery.Synced}, time.Unix(60, 0)); len(events) > 0 {
			t.Errorf("events without news: %v", events)
		}
	})
}
