package rollouts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestExample applies the manifests that people are told to apply, in a
// namespace of the test's own, and changes what they use.
func TestExample(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	root, err := testkit.Root()
	b.must(err)
	for _, file := range []string{"2-settings.yaml", "3-workloads.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "examples", "reloader", file))
		b.must(err)
		b.apply(strings.ReplaceAll(string(text), "namespace: reloaded", "namespace: "+b.ns))
	}
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/database", "ConfigMap/features")
	b.recorded("Deployment", "worker", "Secret/database")
	b.recorded("StatefulSet", "store", "ConfigMap/features")
	b.apply(`{apiVersion: v1, kind: Secret, metadata: {name: database}, stringData: {DATABASE_URL: "postgres://app:battery-staple@db/app"}}`)
	b.marked("web", "STAKATER_DATABASE_SECRET", "")
	b.marked("worker", "STAKATER_DATABASE_SECRET", "")
	if !b.deployment("worker").Spec.Paused {
		t.Error("the worker does not collect changes")
	}
	b.settled()
	if got := b.variables("StatefulSet", "store"); len(got) != 0 {
		t.Errorf("the store was restarted for what is not marked: %v", got)
	}
	b.apply(`{apiVersion: v1, kind: ConfigMap, metadata: {name: features, annotations: {reloader.stakater.com/match: "true"}}, data: {FEATURES: three}}`)
	b.eventually(func() error {
		if b.variables("StatefulSet", "store")["STAKATER_FEATURES_CONFIGMAP"] == "" {
			return fmt.Errorf("the store was not restarted")
		}
		return nil
	})
}
