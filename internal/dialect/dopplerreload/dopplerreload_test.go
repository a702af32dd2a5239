package dopplerreload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func TestTranslate(t *testing.T) {
	t.Parallel()
	yes, no := map[string]string{reload: "true"}, map[string]string{reload: "false"}
	for name, c := range map[string]struct {
		kind          string
		own, template map[string]string
		asks          bool
	}{
		"asked":                     {"Deployment", yes, nil, true},
		"of another kind":           {"StatefulSet", yes, nil, true},
		"on the template":           {"DaemonSet", nil, yes, true},
		"silent":                    {"Deployment", nil, nil, false},
		"another word":              {"Deployment", map[string]string{reload: "True"}, nil, false},
		"overruled":                 {"Deployment", no, yes, false},
		"a CronJob runs anew often": {"CronJob", yes, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := New().Translate(dialect.Workload{
				Workload: delivery.Workload{Kind: c.kind}, Annotations: c.own, Template: c.template,
			})
			if err != nil {
				t.Fatal(err)
			}
			var want []delivery.ReloadRule
			if c.asks {
				want = []delivery.ReloadRule{{
					Kind: "Secret", Referenced: true, WithLabels: map[string]string{"secrets.doppler.com/subtype": "dopplerSecret"},
				}}
			}
			if diff := cmp.Diff(want, plan.Rules); diff != "" {
				t.Errorf("the rules differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMarkFitsIntoAKey(t *testing.T) {
	t.Parallel()
	short, long := "app", strings.Repeat("a", 49)
	keys := map[string]bool{}
	for _, name := range []string{short, long, long + "b", long + "c", strings.Repeat("x.", 126) + "x"} {
		m := New().Mark(dialect.Workload{}, []delivery.Reloaded{
			{Object: delivery.ObjectRef{Kind: "Secret", Name: name}, Digest: "d"},
		}, time.Time{})
		if diff := cmp.Diff(m.Annotations, m.Template); diff != "" || len(m.Template) != 1 {
			t.Errorf("%s: the workload and its template differ:\n%s", name, diff)
		}
		for key, value := range m.Template {
			part, ok := strings.CutPrefix(key, "secrets.doppler.com/")
			if !ok || len(part) > 63 || value != "d" {
				t.Errorf("%s: %s = %s, of %d characters", name, key, value, len(part))
			}
			if len(name) <= 49 && part != "secretsupdate."+name {
				t.Errorf("%s: the key is %s, not the original's", name, key)
			}
			keys[key] = true
		}
	}
	if len(keys) != 5 {
		t.Errorf("two Secrets share a key: %v", keys)
	}
}
