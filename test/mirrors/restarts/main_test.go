// Package restarts_test has operators come and go around SecretMirrors. Each
// test has operators of its own, for its own namespaces alone.
package restarts_test

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// TestMain lets more tests run at a time than there are processors: most of
// the time they wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	operatortest.Main(m)
}

// bed is one with the namespaces "one" and "two" for copies.
type bed struct {
	mirrortest.Bed
	one, two string
}

func newBed(t *testing.T) bed {
	t.Helper()
	t.Parallel()
	b := bed{Bed: mirrortest.Of(operatortest.WithoutOperator(t))}
	b.one, b.two = b.Namespace("one"), b.Namespace("two")
	return b
}

// running is an operator at work.
type running struct {
	testkit.Tap
	stop    func()
	metrics *prometheus.Registry
}

// operate starts an operator for the namespaces of the bed.
func (b bed) operate() *running {
	b.T.Helper()
	return b.operateWith(nil)
}

// operateWith starts one from which the API server hears nothing that is cut.
func (b bed) operateWith(cut func(testkit.Call) bool) *running {
	b.T.Helper()
	r := &running{}
	if cut != nil {
		r.Set(func(req *http.Request) error {
			if cut(testkit.Call{Method: req.Method, Path: req.URL.Path}) {
				return testkit.ErrCut
			}
			return nil
		}, nil)
	}
	b.run(r)
	return r
}

// run starts an operator whose requests go through the tap of r.
func (b bed) run(r *running) { b.T.Helper(); b.runWith(r, func(*operator.Options) {}) }

// runWith does so with other options.
func (b bed) runWith(r *running, change func(*operator.Options)) {
	b.T.Helper()
	r.metrics = prometheus.NewRegistry()
	_, r.stop = b.Operate(func(o *operator.Options) {
		o.Namespaces = []string{b.NS, b.one, b.two}
		o.Config = r.Config(o.Config)
		o.Registerer = r.metrics
		o.Rollouts.Off = true
		o.Languages.Without = []string{"external-secrets", "doppler", "vaultsyncstatus", "sealed-secrets", "reflector", "kubed"}
		change(o)
	})
}

// value adds up the series of a metric that have all of the labels, each
// written name=value.
func (r *running) value(metric string, labels ...string) (sum float64, err error) {
	families, err := r.metrics.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			have := ","
			for _, l := range m.GetLabel() {
				have += l.GetName() + "=" + l.GetValue() + ","
			}
			fits := true
			for _, l := range labels {
				fits = fits && strings.Contains(have, ","+l+",")
			}
			if fits {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum, nil
}

// counts waits until a metric has come to a value.
func (b bed) counts(r *running, want float64, metric string, labels ...string) {
	b.T.Helper()
	b.Eventually(func() error {
		got, err := r.value(metric, labels...)
		if err == nil && got != want {
			err = fmt.Errorf("%s %v is %v, want %v", metric, labels, got, want)
		}
		return err
	})
}

// settled waits until the operator has looked at so many SecretMirrors and
// found all of them well.
func (b bed) settled(r *running, objects int) {
	b.T.Helper()
	b.counts(r, float64(objects), "tacit_objects", "result=Synced")
}

// caughtUp waits until the operator has seen every Secret that is in the bed's
// namespaces now: it repairs copies that were edited after them.
func (b bed) caughtUp() {
	b.T.Helper()
	const probe = "caught-up"
	b.Make(b.NS, probe, "k", "x")
	b.Apply(mirrortest.Copies(probe, "", "^$NS-"))
	for _, ns := range []string{b.one, b.two} {
		b.Has(ns, probe, "k", "x")
		b.Set(ns, probe, "k", "edited")
		b.Has(ns, probe, "k", "x")
	}
}

// of reports that a request is about a Secret, or with no name about any of
// the namespace.
func of(c testkit.Call, namespace, name string) bool {
	all := "/api/v1/namespaces/" + namespace + "/secrets"
	return c.Path == all+"/"+name || name == "" && strings.HasPrefix(c.Path, all)
}

// copyWrites are the requests of an operator for a change of a copy.
func (b bed) copyWrites(r *running) []testkit.Call {
	return r.Which(b.copies)
}
