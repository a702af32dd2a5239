package vaultsyncstatus

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// field is how a message begins that names one.
var field = regexp.MustCompile(`^spec[^ ]*: .`)

// FuzzTranslate reads any YAML: nothing may panic, an error names a field, and
// a plan without an error stays where it may.
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
	f.Fuzz(func(t *testing.T, manifest []byte) {
		v := &vssv1.VaultSyncStatus{}
		if yaml.Unmarshal(manifest, v) != nil {
			return
		}
		d := VaultSyncStatuses(configured())
		plan, err := d.Translate(v)
		if err != nil {
			checkError(t, err)
		} else {
			checkPlan(t, &plan)
		}
		d.Report(v, delivery.Outcome{Result: delivery.Synced, Version: "now", Restarted: true}, time.Unix(0, 0))
		v.Generation = v.Status.VaultSync.ObservedGeneration
		if s := d.State(v); !s.Known || !s.Ready {
			t.Errorf("after a success the state is %+v", s)
		}
	})
}

func checkError(t *testing.T, err error) {
	var failure *delivery.Error
	switch {
	case !errors.As(err, &failure):
		t.Errorf("the error is a %T", err)
	case !failure.Kind.Final():
		t.Errorf("the error is %s", failure.Kind)
	case !field.MatchString(failure.Message):
		t.Errorf("the error names no field: %q", failure.Message)
	}
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
