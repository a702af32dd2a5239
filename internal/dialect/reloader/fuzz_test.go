package reloader

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// FuzzTranslate reads any annotations: nothing may panic, an error names its
// annotation, and every pattern of a plan compiles.
func FuzzTranslate(f *testing.F) {
	f.Add("true", "app,db-.*,(", "app", "5m", true)
	f.Add("", "a{1,3},[[:alpha:]]+", "", "-1h", false)
	f.Add("F", strings.Repeat(".{900}", 80), ",,", "1e9h", false)
	f.Fuzz(func(t *testing.T, auto, named, exclude, hold string, template bool) {
		w := dialect.Workload{Workload: delivery.Workload{Kind: "Deployment", Namespace: "ns", Name: "web"}}
		says := map[string]string{
			"reloader.stakater.com/auto": auto, "secret.reloader.stakater.com/reload": named,
			"secrets.exclude.reloader.stakater.com/reload": exclude, "reloader.stakater.com/search": auto,
		}
		if w.Annotations = says; template {
			w.Annotations, w.Template = map[string]string{}, says
		}
		w.Annotations["deployment.reloader.stakater.com/pause-period"] = hold
		language := New(Options{})
		plan, err := language.Translate(w)
		var failure *delivery.Error
		if err != nil && (!errors.As(err, &failure) || failure.Kind != delivery.Invalid || !strings.Contains(failure.Message, "reloader.stakater.com/")) {
			t.Errorf("the error is %T: %v", err, err)
		}
		if err != nil && len(failure.Message) > 600 {
			t.Errorf("the error has %d bytes", len(failure.Message))
		}
		for _, r := range plan.Rules {
			for _, p := range r.Patterns {
				regexp.MustCompile(p)
			}
		}
		if plan.Hold < 0 {
			t.Errorf("a hold of %v", plan.Hold)
		}
		language.Mark(w, []delivery.Reloaded{{Object: delivery.ObjectRef{Kind: "Secret", Name: named}}}, time.Unix(0, 0))
	})
}
