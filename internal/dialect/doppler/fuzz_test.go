package doppler

import (
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// FuzzTranslate reads any YAML as a DopplerSecret: nothing may panic, an error
// names a field, and a plan without an error stays where the object may reach.
func FuzzTranslate(f *testing.F) {
	dialecttest.Seed(f)
	d := DopplerSecrets(Options{})
	f.Fuzz(func(t *testing.T, text []byte) {
		ds := &dopplerv1alpha1.DopplerSecret{}
		if yaml.Unmarshal(text, ds) != nil {
			return
		}
		plan, err := d.Translate(ds)
		if err == nil {
			checkPlan(t, ds, &plan)
		} else {
			dialecttest.CheckError(t, err, "spec", delivery.Invalid)
		}
		d.Report(ds, delivery.Outcome{Result: delivery.Synced}, time.Unix(0, 0))
		if s := d.State(ds); !s.Known || !s.Ready {
			t.Errorf("after a success the state is %+v", s)
		}
	})
}

func checkPlan(t *testing.T, ds *dopplerv1alpha1.DopplerSecret, p *delivery.Delivery) {
	if len(p.Destination.FieldManager) > 128 {
		t.Errorf("a field manager of %d bytes", len(p.Destination.FieldManager))
	}
	if p.Schedule.Interval <= 0 {
		t.Errorf("an interval of %s", p.Schedule.Interval)
	}
	if ds.Namespace == defaultHome {
		return
	}
	if p.Destination.Namespace != ds.Namespace {
		t.Errorf("writes to %s from %s", p.Destination.Namespace, ds.Namespace)
	}
	for _, c := range p.Inline[0].Config.Credentials() {
		if c.Kind == delivery.FromSecret && c.Namespace != ds.Namespace {
			t.Errorf("reads %+v from %s", c, ds.Namespace)
		}
	}
}
