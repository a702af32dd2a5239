package rollouts_test

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// edit changes the Deployment "web" as a user does.
func (b *bed) edit(patch string) {
	b.t.Helper()
	b.must(b.Patch(b.t.Context(), b.deployment("web"), client.RawPatch(types.StrategicMergePatchType, []byte(patch))))
}

// undo is `kubectl rollout undo`. It brings a pod template back, and the
// Deployment's annotations as they were with it: the record too.
func (b *bed) undo(revision int) {
	b.t.Helper()
	out, err := b.plane.Kubectl(b.t.Context(), "rollout", "undo", "deployment/web", "-n", b.ns, fmt.Sprint("--to-revision=", revision)).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
}

// revised waits until the Deployment "web" is at a revision.
func (b *bed) revised(want int) {
	b.t.Helper()
	b.eventually(func() error {
		if got := b.deployment("web").Annotations["deployment.kubernetes.io/revision"]; got != fmt.Sprint(want) {
			return fmt.Errorf("it is at revision %s, want %d", got, want)
		}
		return nil
	})
}

// TestUndoIsOneRollout: the pods start anew with what there is now, so the old
// record that comes back with their template restarts nobody.
func TestUndoIsOneRollout(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.secret("other", "one")
	b.operate(nil)
	b.recorded("Deployment", "web", "Secret/app")
	b.revised(1)
	b.secret("app", "two")
	b.revised(2)
	old := b.recorded("Deployment", "web", "Secret/app")
	b.edit(`{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"y"}]}}}}`)
	b.revised(3)
	b.secret("app", "three")
	b.revised(4)
	b.undo(2)
	b.revised(5)
	b.eventually(func() error {
		if now := b.recorded("Deployment", "web", "Secret/app"); now["Secret/app"] == old["Secret/app"] {
			return fmt.Errorf("the record is still the old one")
		}
		return nil
	})
	b.settled()
	b.revised(5)
	b.secret("app", "four")
	b.revised(6)
}

// TestUndoToAnotherSecretIsOneRollout: the record of long ago has what nobody
// remembers any more.
func TestUndoToAnotherSecretIsOneRollout(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.secret("other", "one")
	b.operate(nil)
	old := b.recorded("Deployment", "web", "Secret/app")
	b.revised(1)
	b.edit(`{"spec":{"template":{"spec":{"containers":[{"name":"main","envFrom":[{"secretRef":{"name":"other"}}]}]}}}}`)
	b.recorded("Deployment", "web", "Secret/other")
	b.revised(2)
	b.secret("app", "two")
	b.settled()
	b.undo(1)
	b.revised(3)
	b.eventually(func() error {
		if now := b.recorded("Deployment", "web", "Secret/app"); now["Secret/app"] == old["Secret/app"] {
			return fmt.Errorf("the record is still the old one")
		}
		return nil
	})
	b.settled()
	b.revised(3)
}

// TestACloneIsNotRestartedForWhatItsOriginalRanWith: its annotations were
// copied, and its pods have just started.
func TestACloneIsNotRestartedForWhatItsOriginalRanWith(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(nil)
	first := b.recorded("Deployment", "web", "Secret/app")
	record := b.deployment("web").Annotations[rollout.Recorded]
	b.secret("app", "two")
	b.marked("web", variable, "")
	b.apply(workload("Deployment", "clone", auto+fmt.Sprintf(", %s: %q", rollout.Recorded, record), "Secret/app"))
	b.eventually(func() error {
		if now := b.recorded("Deployment", "clone", "Secret/app"); now["Secret/app"] == first["Secret/app"] {
			return fmt.Errorf("the record is still its original's")
		}
		return nil
	})
	b.settled()
	if got := b.env("clone", variable); got != "" {
		t.Error("the clone was restarted")
	}
	b.secret("app", "three")
	b.marked("clone", variable, "")
}

// TestWhoUsesNothingHasARecordOfNothing, so that it can be told from a workload
// that nobody has looked at.
func TestWhoUsesNothingHasARecordOfNothing(t *testing.T) {
	t.Parallel()
	b := served(t, `configmap.reloader.stakater.com/auto: "true"`)
	b.operate(nil)
	b.eventually(func() error {
		if _, known := rollout.ReadRecord(b.deployment("web").Annotations); !known {
			return fmt.Errorf("no record")
		}
		return nil
	})
	b.settled()
	// Its own controller may write to it at any time.
	written := func() string {
		d := b.deployment("web")
		ours := slices.DeleteFunc(d.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager != "tacit" })
		return fmt.Sprint(d.Generation, d.Annotations[rollout.Recorded], ours)
	}
	before := written()
	b.secret("app", "two")
	b.settled()
	if after := written(); after != before {
		t.Errorf("it was written to again: %s became %s", before, after)
	}
}
