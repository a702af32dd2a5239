package vaultsyncstatus

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// FuzzTranslate reads any YAML: nothing may panic, an error names a field, and
// a plan without an error stays where it may.
func FuzzTranslate(f *testing.F) {
	dialecttest.Seed(f)
	f.Fuzz(func(t *testing.T, manifest []byte) {
		v := &vssv1.VaultSyncStatus{}
		if yaml.Unmarshal(manifest, v) != nil {
			return
		}
		d := VaultSyncStatuses(configured())
		plan, err := d.Translate(v)
		if err != nil {
			dialecttest.CheckError(t, err, "spec", delivery.Invalid, delivery.Unsupported, delivery.RolloutRefused)
		} else {
			checkPlan(t, &plan)
		}
		d.Report(v, delivery.Outcome{Result: delivery.Synced, Sources: delivery.SourcesOutcome{Version: "now"}, Rollout: delivery.RolloutOutcome{Restarted: true}}, time.Unix(0, 0))
		v.Generation = v.Status.VaultSync.ObservedGeneration
		if s := d.State(v); !s.Known || !s.Ready {
			t.Errorf("after a success the state is %+v", s)
		}
	})
}

func checkPlan(t *testing.T, p *delivery.Delivery) {
	if ns := p.Rollout.Workload.Namespace; ns != p.Object.Namespace {
		t.Errorf("%s restarts what is in namespace %q", p.Object, ns)
	}
	key := p.Sources[0].Remote.Key
	if !p.Sources[0].Remote.Metadata {
		t.Errorf("%q is read, not its metadata", key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			t.Errorf("the key %q climbs or has gaps", key)
		}
	}
}
