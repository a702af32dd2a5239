package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// RecordedBy returns the field manager whose the workload's record is; empty if
// there is no record, for of who takes one away the API server keeps no name.
func (r *Runner) RecordedBy(ctx context.Context, w delivery.Workload) (string, error) {
	gvk, ok := KindOf(w.Kind)
	if !ok {
		return "", fmt.Errorf("a %s has no record", w.Kind)
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	if err := r.live(ctx, w, live); err != nil {
		return "", err
	}
	for _, f := range live.ManagedFields {
		if records(f.FieldsV1) {
			return f.Manager, nil
		}
	}
	return "", nil
}

// records reports that the record is among the fields.
func records(fields *metav1.FieldsV1) bool {
	var tree struct {
		Metadata struct {
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	if fields == nil || json.Unmarshal(fields.GetRawBytes(), &tree) != nil {
		return false
	}
	_, ok := tree.Metadata.Annotations["f:"+Recorded]
	return ok
}

// TellContested writes an event on the workload that somebody else, the field
// manager by, keeps replacing its record; removing it if by is empty.
func (r *Runner) TellContested(w delivery.Workload, uid, by string) {
	whose, way := fmt.Sprintf("field manager %q keeps replacing", by), "if it applies a manifest, take the annotation out of that"
	switch by {
	case "":
		whose, way = "somebody keeps removing", "have it leave annotations alone that it did not set"
	case string(manager):
		whose = fmt.Sprintf("another operator of our name (field manager %q) keeps replacing", by)
		way = "let only one of them serve the namespace"
	}
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonContested, fmt.Sprintf(
		"%s the annotation %s, which says what %s runs with, and is not fought over it: %s", whose, Recorded, w, way))
}
