package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Act is what is written to a workload in one request.
type Act struct {
	Workload delivery.Workload
	// Version of the workload that the decision was made on. If it has another
	// one meanwhile, nothing is written and the error is a conflict.
	Version string
	// Record as it is to be from then on; nil leaves it.
	Record Record
	// Marks restart the workload; nil does not.
	Marks *delivery.ReloadMarks
	// Pause a Deployment, or let it go on; nil leaves that.
	Pause *bool
	// Annotations of the workload beside those of the marks; nil removes one.
	Annotations map[string]*string
	// Cause is the same for the same change, whoever sees it how often, and
	// different for every other.
	Cause string
}

// Empty reports that nothing is to be written.
func (a *Act) Empty() bool {
	return a.Record == nil && a.Marks == nil && a.Pause == nil && len(a.Annotations) == 0
}

// object is a part of a JSON document.
type object = map[string]any

// Apply does it, and returns the version of the workload that has it.
func (r *Runner) Apply(ctx context.Context, a Act) (version string, err error) {
	gvk, ok := KindOf(a.Workload.Kind)
	if !ok {
		return "", fmt.Errorf("a %s cannot be restarted", a.Workload.Kind)
	}
	if a.Marks != nil && gvk.Kind == "CronJob" {
		at := r.Now().UTC().Format(time.RFC3339)
		a.Annotations = map[string]*string{JobMade: &at} // it has no others
	}
	patch, spec := object{"metadata": a.metadata()}, object{}
	if a.Pause != nil {
		spec["paused"] = *a.Pause
	}
	kind := types.StrategicMergePatchType
	switch {
	case a.Marks == nil:
	case gvk.Kind == "CronJob":
		if err := r.runJob(ctx, a); err != nil {
			return "", err
		}
	case a.Marks.RestartPods:
		spec["restartAt"] = r.Now().UTC().Format(time.RFC3339)
	case gvk.Kind == "Rollout":
		if spec["template"], err = r.argoTemplate(ctx, a); err != nil {
			return "", err
		}
	default:
		spec["template"] = template(a.Marks)
	}
	if gvk.Kind == "Rollout" {
		kind = types.MergePatchType // custom kinds know no other
	}
	if len(spec) > 0 {
		patch["spec"] = spec
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return "", err
	}
	written := &metav1.PartialObjectMetadata{}
	written.SetGroupVersionKind(gvk)
	written.SetNamespace(a.Workload.Namespace)
	written.SetName(a.Workload.Name)
	err = r.Writer.Patch(ctx, written, client.RawPatch(kind, body), manager)
	return written.GetResourceVersion(), err
}

// metadata is the patch of the workload's own.
func (a *Act) metadata() object {
	annotations := object{}
	if a.Marks != nil {
		for k, v := range a.Marks.Annotations {
			annotations[k] = v
		}
	}
	for k, v := range a.Annotations {
		annotations[k] = v
	}
	if a.Record != nil {
		annotations[Recorded] = a.Record.Of(a.Workload)
	}
	meta := object{"resourceVersion": a.Version}
	if len(annotations) > 0 {
		meta["annotations"] = annotations
	}
	return meta
}

// template is the strategic merge patch of a pod template: lists of containers
// and variables are merged by name.
func template(m *delivery.ReloadMarks) object {
	out := object{}
	if len(m.Template) > 0 {
		out["metadata"] = object{"annotations": m.Template}
	}
	var names []string
	env := map[string][]object{}
	for _, e := range distinct(m.Env) {
		if env[e.Container] == nil {
			names = append(names, e.Container)
		}
		env[e.Container] = append(env[e.Container], object{"name": e.Name, "value": e.Value})
	}
	var containers []object
	for _, name := range names {
		containers = append(containers, object{"name": name, "env": env[name]})
	}
	if containers != nil {
		out["spec"] = object{"containers": containers}
	}
	return out
}

// distinct drops all but the last mark of each variable: two objects can have
// names that differ only where the variable's does not.
func distinct(env []delivery.EnvMark) []delivery.EnvMark {
	at := map[[2]string]int{}
	var out []delivery.EnvMark
	for _, e := range env {
		key := [2]string{e.Container, e.Name}
		if i, ok := at[key]; ok {
			out[i] = e
			continue
		}
		at[key] = len(out)
		out = append(out, e)
	}
	return out
}

// conflict is what the API server would say.
func conflict(a Act) error {
	gvk, _ := KindOf(a.Workload.Kind)
	return apierrors.NewConflict(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, a.Workload.Name, nil)
}
