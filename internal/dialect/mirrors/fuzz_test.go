package mirrors

import (
	"regexp"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// FuzzTranslate reads any YAML as a SecretMirror: nothing may panic, an error
// names a field, and what a plan promises holds.
func FuzzTranslate(f *testing.F) {
	dialecttest.Seed(f)
	d := SecretMirrors(options)
	f.Fuzz(func(t *testing.T, manifest []byte) {
		sm := &v1alpha2.SecretMirror{}
		if yaml.Unmarshal(manifest, sm) != nil {
			return
		}
		plan, err := d.Translate(sm)
		if err != nil {
			dialecttest.CheckError(t, err, "spec", delivery.Invalid)
			if n := len(err.Error()); n > dialect.MaxEventMessage {
				t.Errorf("an error of %d bytes", n)
			}
		} else {
			checkPlan(t, sm, &plan)
		}
		d.State(sm)
		now := time.Unix(1_800_000_000, 0)
		lend(t, sm, delivery.Lease{ID: "a/b/c", Duration: time.Hour}, 0)
		d.Report(sm, delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Misconfigured, Message: "Secret a/b"}}, now)
		d.Report(sm, delivery.Outcome{Result: delivery.Synced}, now)
		if !d.State(sm).Ready {
			t.Errorf("a success reads back as %+v", d.State(sm))
		}
	})
}

func checkPlan(t *testing.T, sm *v1alpha2.SecretMirror, p *delivery.Delivery) {
	if p.Object.Kind != v1alpha2.SecretMirrorKind || p.Finalizer == "" || len(p.Sources) != 1 {
		t.Errorf("the plan is of %s, with finalizer %q and %d sources", p.Object, p.Finalizer, len(p.Sources))
	}
	if n := len(p.Destination.FieldManager); n > 128 {
		t.Errorf("a field manager of %d bytes", n)
	}
	if p.Schedule.Interval < 0 || p.Schedule.Policy == delivery.Periodic && p.Schedule.Interval == 0 {
		t.Errorf("an interval of %s", p.Schedule.Interval)
	}
	for _, ref := range p.Objects() {
		if ref.Namespace != sm.Namespace {
			t.Errorf("reads %s of another namespace", ref)
		}
	}
	known := map[delivery.StoreRef]bool{}
	for _, s := range p.Inline {
		known[s.Ref] = true
		for _, c := range s.Config.Credentials() {
			if c.Namespace != sm.Namespace && (c.Namespace != options.CredentialNamespaces[0] || s.Ref.Namespace != "") {
				t.Errorf("%s logs in with %s/%s", s.Ref, c.Namespace, c.Name)
			}
		}
	}
	for _, ref := range p.Stores() {
		if !known[ref] {
			t.Errorf("%s is not described", ref)
		}
	}
	if s := p.Destination.Spread; s != nil {
		for _, expr := range s.Into[0].Regexes {
			if _, err := regexp.Compile(expr); err != nil || expr == "" {
				t.Errorf("the pattern %q: %v", expr, err)
			}
		}
	}
}
