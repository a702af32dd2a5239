package rollout

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Switch is the annotation that stops restarts of a workload while it says
// Paused, however that is written.
const (
	Switch = "tacit.dev/rollouts"
	Paused = "paused"
)

// Stopped reports that the annotations stop the workload's restarts. The error
// is about a word that does not: who meant to stop them must hear of it.
func Stopped(annotations map[string]string) (bool, error) {
	word := strings.TrimSpace(annotations[Switch])
	switch {
	case strings.EqualFold(word, Paused):
		return true, nil
	case word == "":
		return false, nil
	}
	return false, problem(delivery.Invalid, nil, "the annotation %s says %.80q, which stops no restart: only %q does", Switch, word, Paused)
}

// Halted is what a Deployment is that its user has paused.
const Halted = "paused: resume it (kubectl rollout resume), or it cannot be restarted"

// halted is the error if somebody stopped the workload's restarts.
func halted(w delivery.Workload, live *unstructured.Unstructured) error {
	if stopped, _ := Stopped(live.GetAnnotations()); stopped {
		return problem(delivery.RolloutFailed, nil, "%s is not restarted while its annotation %s says %q", w, Switch, Paused)
	}
	// A Deployment that is paused would not start new pods.
	if paused, _, _ := unstructured.NestedBool(live.Object, "spec", "paused"); paused && w.Kind == "Deployment" {
		return problem(delivery.RolloutFailed, nil, "%s is %s", w, Halted)
	}
	return nil
}
