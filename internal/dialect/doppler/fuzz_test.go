package doppler

import (
	"errors"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// field is how a message begins that names one.
var field = regexp.MustCompile(`^spec[^:]*: .`)

// FuzzTranslate reads any YAML as a DopplerSecret: nothing may panic, an error
// names a field, and a plan without an error stays where the object may reach.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
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
			checkError(t, err)
		}
		d.Report(ds, delivery.Outcome{Result: delivery.Synced}, time.Unix(0, 0))
		if s := d.State(ds); !s.Known || !s.Ready {
			t.Errorf("after a success the state is %+v", s)
		}
	})
}

func checkError(t *testing.T, err error) {
	var failure *delivery.Error
	switch {
	case !errors.As(err, &failure):
		t.Errorf("the error is a %T", err)
	case failure.Kind != delivery.Invalid:
		t.Errorf("the error is %s", failure.Kind)
	case !field.MatchString(failure.Message):
		t.Errorf("the error names no field: %q", failure.Message)
	}
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
