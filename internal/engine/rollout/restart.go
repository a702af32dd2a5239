package rollout

import (
	"context"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// restartedAt is the annotation that `kubectl rollout restart` writes.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// maxTrigger bounds what of a trigger's name goes into the record.
const maxTrigger = 512

// Restart restarts a workload as `kubectl rollout restart` does, unless its
// record says that it was restarted for this version of the trigger. A trigger
// is the name of what changes, such as "VaultSyncStatus/name"; it must not
// begin as a Secret's or ConfigMap's entry does.
//
// Whoever asks has to have the consent of the workload's namespace: Restart
// does not look. The error is a *delivery.Error: RolloutFailed, with
// RetryAfter where the workload waits for its turn; RolloutRefused where it
// cannot be restarted at all; Conflict where others write to the workload all
// the time.
func (r *Runner) Restart(ctx context.Context, w delivery.Workload, trigger, version string) (restarted bool, err error) {
	gvk, ok := KindOf(w.Kind)
	if _, object := Object(trigger, w.Namespace); object || len(trigger) > maxTrigger {
		return false, problem(delivery.RolloutRefused, nil, "%.80q is no name for what restarts %s", trigger, w)
	}
	if !ok || w.Kind == "CronJob" {
		return false, problem(delivery.RolloutRefused, nil, "%s cannot be restarted: a %s has no pods of its own that run on", w, w.Kind)
	}
	const tries = 5
	for range tries {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(gvk)
		if err := r.live(ctx, w, live); err != nil {
			return false, r.Explain(w, "read", err)
		}
		restarted, err = r.restart(ctx, w, live, trigger, version)
		if !apierrors.IsConflict(err) {
			break
		}
	}
	if err == nil {
		return restarted, nil
	}
	failure := r.Explain(w, "restart", err)
	if failure.Kind != delivery.Conflict && failure.RetryAfter == 0 {
		r.Metrics.count(w.Kind, failed)
	}
	return false, failure
}

// restart is one try.
func (r *Runner) restart(ctx context.Context, w delivery.Workload, live *unstructured.Unstructured, trigger, version string) (bool, error) {
	record, _ := RecordOf(w, live.GetAnnotations())
	entry := r.Short(string(r.Key.Digest(secret.Data{identity: secret.NewString(w.String() + " " + trigger), "version": secret.NewString(version)})))
	if record[trigger] == entry {
		r.Limit.Leave(w, r.Now())
		return false, nil
	}
	if err := halted(w, live); err != nil {
		r.Limit.Leave(w, r.Now())
		return false, err
	}
	if wait := r.Limit.Wait(w, r.Now()); wait > 0 {
		err := problem(delivery.RolloutFailed, nil, "%s is not restarted yet: %s", w, r.Limit.waiting(w, r.Now(), wait))
		err.RetryAfter = wait
		return false, err
	}
	next := maps.Clone(record)
	next[trigger] = entry
	marks := &delivery.ReloadMarks{RestartPods: w.Kind == "Rollout"}
	if !marks.RestartPods {
		marks.Template = map[string]string{restartedAt: r.Now().UTC().Format(time.RFC3339)}
	}
	if _, err := r.Apply(ctx, Act{Workload: w, Version: live.GetResourceVersion(), Record: next, Marks: marks}); err != nil {
		r.Limit.Return(w, r.Now())
		return false, err
	}
	r.Tell(w, string(live.GetUID()), []string{trigger})
	return true, nil
}
