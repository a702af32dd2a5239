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
	"k8s.io/apimachinery/pkg/runtime/schema"
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
		asking := asking{}
		err := r.list(ctx, gvk.Kind+"s", listOf(gvk), r.Namespace, func(obj runtime.Object) {
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
					asking[o.GetUID()] = append(asking[o.GetUID()], len(r.rows))
					r.rows = append(r.rows, reloaded(lang.Name(), o, &plan, err))
				}
			}
		})
		if err != nil {
			return err
		}
		if err := r.troubles(ctx, gvk.Kind, asking); err != nil {
			return err
		}
	}
	return nil
}

// listOf returns what makes an empty list of the kind.
func listOf(gvk schema.GroupVersionKind) func() client.ObjectList {
	return func() client.ObjectList {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		return list
	}
}

// reloaded is the row of a workload.
func reloaded(language string, o *unstructured.Unstructured, plan *delivery.Reload, err error) Row {
	self := End{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
	row := Row{
		Language: language, Kind: self.Kind, Namespace: self.Namespace, Name: self.Name,
		To: []End{self}, Ready: Unknown, annotated: true,
	}
	record, known := rollout.RecordOf(delivery.Workload{Kind: self.Kind, Namespace: self.Namespace, Name: self.Name}, o.GetAnnotations())
	if known {
		row.Ready, row.Restarted = True, restarted(o)
	} else {
		row.Message = "the operator has not noted yet what it runs with"
	}
	row.From = causes(record, o.GetNamespace(), plan)
	if known && !slices.ContainsFunc(slices.Collect(maps.Keys(record)), isObject) {
		row.Message = "it uses nothing that it asks to be restarted for"
	}
	if why := stopped(o, plan, len(record) == 0); why != "" {
		row.Ready, row.Message = False, why
	}
	if err != nil {
		row.Ready, row.Message = False, err.Error()
	}
	if held(o, plan) {
		row.Restarted = nil // what was written since shows when it goes on
	}
	return row
}

func isObject(entry string) bool {
	_, ok := rollout.Object(entry, "")
	return ok
}

// stopped is why nothing restarts the workload, as far as its manifest tells;
// empty if it can be. Bare is one with nothing on record.
func stopped(o *unstructured.Unstructured, plan *delivery.Reload, bare bool) string {
	off, odd := rollout.Stopped(o.GetAnnotations())
	paused, _, _ := unstructured.NestedBool(o.Object, "spec", "paused")
	_, refers, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "workloadRef")
	switch {
	case off:
		return "restarts are paused by the annotation " + rollout.Switch
	case odd != nil:
		return odd.Error()
	case held(o, plan):
		return "paused since " + o.GetAnnotations()[plan.HeldAt] + ", so that changes join one restart"
	case paused && o.GetKind() == "Deployment":
		return rollout.Halted
	case refers && bare && o.GetKind() == "Rollout":
		return "workloadRef is not served: annotate the workload that it refers to"
	}
	return ""
}

// held reports that a Deployment is paused so that changes collect.
func held(o *unstructured.Unstructured, plan *delivery.Reload) bool {
	paused, _, _ := unstructured.NestedBool(o.Object, "spec", "paused")
	return paused && o.GetKind() == "Deployment" && plan.Held(o.GetAnnotations())
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
		names := slices.Concat(rule.Names, rule.Patterns)
		for _, kind := range rule.Kinds() {
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
// server noted of its writes, if one of them was to the spec; of a CronJob, what
// the operator says.
func restarted(o *unstructured.Unstructured) *time.Time {
	if at, err := time.Parse(time.RFC3339, o.GetAnnotations()[rollout.JobMade]); err == nil && o.GetKind() == "CronJob" {
		return when(at)
	}
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
