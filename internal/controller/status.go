package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

// patchStatus writes what report changed of the status, and nothing if it
// changed nothing. It returns the version of the object that has the status.
//
// Most of what an operator does while all is well is to write that it is. So
// only the status is compared, and of the answer only the metadata are read.
func (s *Shared) patchStatus(ctx context.Context, gvk schema.GroupVersionKind, obj client.Object, report func(client.Object) []dialect.Event) (string, error) {
	after := obj.DeepCopyObject().(client.Object)
	events := report(after)
	s.emit(after, events)
	body, err := statusPatch(obj, after)
	if err != nil || body == nil {
		return obj.GetResourceVersion(), err
	}
	written := &metav1.PartialObjectMetadata{}
	written.SetGroupVersionKind(gvk)
	written.SetNamespace(obj.GetNamespace())
	written.SetName(obj.GetName())
	err = client.IgnoreNotFound(s.Cluster.GetClient().Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, body)))
	return written.GetResourceVersion(), err
}

// statusPatch is the merge patch from one status to the other, nil if they
// are the same.
func statusPatch(before, after client.Object) ([]byte, error) {
	old, err := statusOf(before)
	if err != nil {
		return nil, err
	}
	now, err := statusOf(after)
	if err != nil {
		return nil, err
	}
	diff, err := jsonpatch.CreateMergePatch(old, now)
	if err != nil {
		return nil, fmt.Errorf("compare the status of %s: %w", after.GetName(), err)
	}
	if string(diff) == "{}" {
		return nil, nil
	}
	return append(append([]byte(`{"status":`), diff...), '}'), nil
}

// statusOf is the JSON of the field Status, which every kind with a status
// subresource has by convention (API conventions, "Spec and Status").
func statusOf(obj client.Object) ([]byte, error) {
	field := reflect.ValueOf(obj).Elem().FieldByName("Status")
	if !field.IsValid() {
		return nil, fmt.Errorf("%T has no field Status", obj)
	}
	return json.Marshal(field.Interface())
}
