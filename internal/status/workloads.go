package status

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
)

// workloads adds a row for each workload that asks to be restarted, in each
// language in which it does.
func (r *gathering) workloads(ctx context.Context) error {
	if len(r.Workloads) == 0 {
		return nil
	}
	for _, gvk := range rollout.Kinds() {
		newList := func() client.ObjectList {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
			return list
		}
		err := r.list(ctx, gvk.Kind+"s", newList, r.Namespace, func(obj runtime.Object) {
			o, ok := obj.(*unstructured.Unstructured)
			if !ok {
				return
			}
			w := dialect.Workload{
				Workload:    delivery.Workload{Kind: gvk.Kind, Namespace: o.GetNamespace(), Name: o.GetName()},
				Annotations: o.GetAnnotations(),
				Template:    template(o),
			}
			for _, lang := range r.Workloads {
				plan, err := lang.Translate(w)
				if plan.Asks() || err != nil {
					r.rows = append(r.rows, reloaded(lang.Name(), o, &plan, err))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reloaded is the row of a workload.
func reloaded(language string, o *unstructured.Unstructured, plan *delivery.Reload, err error) Row {
	self := End{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
	row := Row{
		Language: language, Kind: self.Kind, Namespace: self.Namespace, Name: self.Name,
		To: []End{self}, Ready: Unknown, annotated: true,
	}
	record, known := rollout.ReadRecord(o.GetAnnotations())
	if known {
		row.Ready, row.Restarted = True, restarted(o)
	} else {
		row.Message = "the operator has not noted yet what it runs with"
	}
	row.From = causes(record, o.GetNamespace(), plan)
	switch {
	case err != nil:
		row.Ready, row.Message = False, err.Error()
	case o.GetAnnotations()[rollout.Switch] == rollout.Paused:
		row.Ready, row.Message = False, "restarts are paused by the annotation "+rollout.Switch
	}
	return row
}

// causes are the objects whose change restarts the workload: those that the
// record has, or else what the annotations name.
func causes(record rollout.Record, namespace string, plan *delivery.Reload) []End {
	var all []End
	for _, entry := range slices.Sorted(maps.Keys(record)) {
		if ref, ok := rollout.Object(entry, namespace); ok {
			all = append(all, End{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name})
		}
	}
	if len(all) > 0 {
		return all
	}
	for i := range plan.Rules {
		rule := &plan.Rules[i]
		if rule.Never {
			continue
		}
		kinds := []string{rule.Kind}
		if rule.Kind == "" {
			kinds = []string{"Secret", "ConfigMap"}
		}
		names := slices.Concat(rule.Names, rule.Patterns)
		for _, kind := range kinds {
			if len(names) == 0 {
				all = append(all, End{Kind: kind})
			}
			for _, name := range names {
				all = append(all, End{Kind: kind, Namespace: namespace, Name: name})
			}
		}
	}
	return all
}

// template are the annotations of the pod template.
func template(o *unstructured.Unstructured) map[string]string {
	path := []string{"spec", "template", "metadata", "annotations"}
	if o.GetKind() == "CronJob" {
		path = append([]string{"spec", "jobTemplate"}, path...)
	}
	found, _, err := unstructured.NestedStringMap(o.Object, path...)
	if err != nil {
		return nil
	}
	return found
}

// manager is the name that the operator writes workloads under.
const manager = "tacit"

// restarted is when the operator last restarted the workload: what the API
// server noted of its writes, if one of them was to the spec.
func restarted(o *unstructured.Unstructured) *time.Time {
	for _, f := range o.GetManagedFields() {
		if f.Manager != manager || f.Time == nil || f.FieldsV1 == nil {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(f.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		spec, ok := fields["f:spec"]
		// To pause and to go on is no restart.
		if ok && strings.Contains(strings.ReplaceAll(string(spec), `"f:paused"`, ""), `"f:`) {
			return when(f.Time.Time)
		}
	}
	return nil
}
