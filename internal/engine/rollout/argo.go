package rollout

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// argoTemplate is the merge patch of an Argo Rollout's pod template. In a
// merge patch a list replaces the list, so the containers are taken as they
// are in the cluster.
func (r *Runner) argoTemplate(ctx context.Context, a Act) (object, error) {
	out := object{}
	if len(a.Marks.Template) > 0 {
		out["metadata"] = object{"annotations": a.Marks.Template}
	}
	if len(a.Marks.Env) == 0 {
		return out, nil
	}
	live := &unstructured.Unstructured{}
	gvk, _ := KindOf(a.Workload.Kind)
	live.SetGroupVersionKind(gvk)
	if err := r.live(ctx, a.Workload, live); err != nil {
		return nil, err
	}
	if live.GetResourceVersion() != a.Version {
		return nil, conflict(a)
	}
	// What is no list of containers stays as it is, and so unmarked.
	containers, _, _ := unstructured.NestedSlice(live.Object, "spec", "template", "spec", "containers")
	for _, e := range distinct(a.Marks.Env) {
		for _, c := range containers {
			if c, ok := c.(object); ok && c["name"] == e.Container {
				c["env"] = withVariable(c["env"], e)
			}
		}
	}
	out["spec"] = object{"containers": containers}
	return out, nil
}

// withVariable sets one variable in a list of them.
func withVariable(env any, e delivery.EnvMark) []any {
	list, _ := env.([]any)
	for _, v := range list {
		if v, ok := v.(object); ok && v["name"] == e.Name {
			delete(v, "valueFrom")
			v["value"] = e.Value
			return list
		}
	}
	return append(list, object{"name": e.Name, "value": e.Value})
}
