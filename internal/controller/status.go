package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/dialect"
)

// patchStatus writes what report changed of the status, and nothing if it
// changed nothing. It returns the version of the object that has the status.
//
// Most of what an operator does while all is well is to write that it is. So
// only the status is compared, and of the answer only the metadata are read.
func (s *Shared) patchStatus(ctx context.Context, kind dialect.Kind, obj client.Object, report func(client.Object) []dialect.Event) (string, error) {
	after := obj.DeepCopyObject().(client.Object)
	events := report(after)
	version, err := s.patch(ctx, kind, obj, after, "")
	if client.IgnoreNotFound(err) == nil {
		s.emit(after, events)
	}
	return version, client.IgnoreNotFound(err)
}

// patchExactly is patchStatus for what must not be lost or overwrite: somebody
// else's write, and the object's end, are errors.
func (s *Shared) patchExactly(ctx context.Context, kind dialect.Kind, before, after client.Object) (string, error) {
	return s.patch(ctx, kind, before, after, before.GetResourceVersion())
}

// patch writes what changed from before to after, if the object has the
// version; of any if that is empty.
func (s *Shared) patch(ctx context.Context, kind dialect.Kind, obj, after client.Object, version string) (string, error) {
	if kind.Annotated {
		return obj.GetResourceVersion(), nil
	}
	diff := statusPatch
	if kind.Whole {
		diff = wholePatch
	}
	body, err := diff(obj, after)
	if err != nil || body == nil {
		return obj.GetResourceVersion(), err
	}
	if version != "" {
		body = append([]byte(`{"metadata":{"resourceVersion":`+strconv.Quote(version)+`},`), body[1:]...)
	}
	written := &metav1.PartialObjectMetadata{}
	written.SetGroupVersionKind(kind.GVK)
	written.SetNamespace(obj.GetNamespace())
	written.SetName(obj.GetName())
	if kind.Whole {
		err = s.Cluster.GetClient().Patch(ctx, written, client.RawPatch(types.MergePatchType, body))
	} else {
		err = s.Cluster.GetClient().Status().Patch(ctx, written, client.RawPatch(types.MergePatchType, body))
	}
	return written.GetResourceVersion(), err
}

// wholePatch is the merge patch from one object to the other where the kind
// has no status of its own; nil if they are the same. It carries no version:
// what Report writes is about what was read.
func wholePatch(before, after client.Object) ([]byte, error) {
	old, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", before.GetName(), err)
	}
	now, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", after.GetName(), err)
	}
	diff, err := jsonpatch.CreateMergePatch(old, now)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", after.GetName(), err)
	}
	if string(diff) == "{}" {
		return nil, nil
	}
	return diff, nil
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
