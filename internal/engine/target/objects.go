package target

import (
	"context"
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

const (
	kindSecret    = "Secret"
	kindConfigMap = "ConfigMap"
)

// Binary is the prefix of the keys of secret.Data that stand in a ConfigMap's
// binaryData. No key of a ConfigMap can look like that.
const Binary = "binaryData/"

// objects are those of one kind in one namespace, all in the form of Secrets.
type objects interface {
	get(ctx context.Context, name string) (*corev1.Secret, error)
	create(ctx context.Context, s *corev1.Secret, manager string) (*corev1.Secret, error)
	// patch is a strategic merge patch.
	patch(ctx context.Context, name string, body map[string]any, manager string) (*corev1.Secret, error)
	// delete removes what was got, and nothing that came after it.
	delete(ctx context.Context, s *corev1.Secret) error
}

// objects are those that the target is one of.
func (w *Writer) objects(ctx context.Context, dest *Target) (objects, error) {
	core := w.Core
	if dest.Cluster != "" {
		var err error
		if core, err = w.Other(ctx, dest.Cluster); err != nil {
			return nil, wrap(dest, err)
		}
	}
	return of(core, dest.kind(), dest.Namespace), nil
}

// of are those of the kind.
func of(core corev1client.CoreV1Interface, kind, namespace string) objects {
	if kind == kindConfigMap {
		return configMaps{core.ConfigMaps(namespace)}
	}
	return secrets{core.Secrets(namespace)}
}

// Read reads a Secret or ConfigMap, see FromConfigMap. The error is the API
// server's; what no object can be called does not exist.
func Read(ctx context.Context, core corev1client.CoreV1Interface, ref delivery.ObjectRef) (*corev1.Secret, error) {
	if len(content.IsPathSegmentName(ref.Name)) > 0 {
		return nil, apierrors.NewNotFound(corev1.Resource(strings.ToLower(ref.Kind)+"s"), ref.Name)
	}
	return of(core, ref.Kind, ref.Namespace).get(ctx, ref.Name)
}

// secrets implements objects.
type secrets struct{ corev1client.SecretInterface }

func (s secrets) get(ctx context.Context, name string) (*corev1.Secret, error) {
	return s.Get(ctx, name, metav1.GetOptions{})
}

func (s secrets) create(ctx context.Context, obj *corev1.Secret, manager string) (*corev1.Secret, error) {
	return s.Create(ctx, obj, metav1.CreateOptions{FieldManager: manager})
}

func (s secrets) patch(ctx context.Context, name string, body map[string]any, manager string) (*corev1.Secret, error) {
	return s.Patch(ctx, name, types.StrategicMergePatchType, marshal(body), metav1.PatchOptions{FieldManager: manager})
}

func (s secrets) delete(ctx context.Context, obj *corev1.Secret) error {
	return s.Delete(ctx, obj.Name, exactly(obj))
}

// exactly limits a deletion to the object as it was read.
func exactly(obj *corev1.Secret) metav1.DeleteOptions {
	return metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &obj.UID, ResourceVersion: &obj.ResourceVersion}}
}

func marshal(body map[string]any) []byte {
	out, err := json.Marshal(body)
	if err != nil {
		panic("a map of strings and bytes always marshals: " + err.Error())
	}
	return out
}

// configMaps implements objects.
type configMaps struct {
	corev1client.ConfigMapInterface
}

func (c configMaps) get(ctx context.Context, name string) (*corev1.Secret, error) {
	got, err := c.Get(ctx, name, metav1.GetOptions{})
	return FromConfigMap(got), err
}

func (c configMaps) create(ctx context.Context, obj *corev1.Secret, manager string) (*corev1.Secret, error) {
	cm := &corev1.ConfigMap{ObjectMeta: obj.ObjectMeta, Immutable: obj.Immutable}
	for k, v := range obj.Data {
		if name, ok := strings.CutPrefix(k, Binary); ok {
			set(&cm.BinaryData, name, v)
		} else {
			set(&cm.Data, k, string(v))
		}
	}
	got, err := c.Create(ctx, cm, metav1.CreateOptions{FieldManager: manager})
	return FromConfigMap(got), err
}

// patch replaces the ConfigMap: a patch that replaces a map which is not there
// is dropped by the API server, and of two maps one often is not.
func (c configMaps) patch(ctx context.Context, name string, body map[string]any, manager string) (*corev1.Secret, error) {
	got, err := c.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	meta, _ := body["metadata"].(map[string]any)
	got.ResourceVersion, _ = meta["resourceVersion"].(string)
	merge(&got.Labels, meta["labels"])
	merge(&got.Annotations, meta["annotations"])
	got.Data, got.BinaryData = nil, nil
	data, _ := body["data"].(map[string]any)
	for k, v := range data {
		bytes, isValue := v.([]byte)
		if !isValue {
			continue // the order to replace
		}
		if name, ok := strings.CutPrefix(k, Binary); ok {
			set(&got.BinaryData, name, bytes)
		} else {
			set(&got.Data, k, string(bytes))
		}
	}
	got, err = c.Update(ctx, got, metav1.UpdateOptions{FieldManager: manager})
	return FromConfigMap(got), err
}

// merge applies the part of a merge patch that is about labels or annotations.
func merge(m *map[string]string, patch any) {
	changes, _ := patch.(map[string]any)
	for k, v := range changes {
		if text, ok := v.(string); ok {
			set(m, k, text)
		} else {
			delete(*m, k)
		}
	}
}

func (c configMaps) delete(ctx context.Context, obj *corev1.Secret) error {
	return c.Delete(ctx, obj.Name, exactly(obj))
}

func set[V any](m *map[string]V, k string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[k] = v
}

// FromConfigMap is a ConfigMap in the form of a Secret, its binary entries
// under keys that begin with Binary; nil for nil.
func FromConfigMap(cm *corev1.ConfigMap) *corev1.Secret {
	if cm == nil {
		return nil
	}
	s := &corev1.Secret{ObjectMeta: cm.ObjectMeta, Immutable: cm.Immutable, Data: map[string][]byte{}}
	for k, v := range cm.Data {
		s.Data[k] = []byte(v)
	}
	for k, v := range cm.BinaryData {
		s.Data[Binary+k] = v
	}
	return s
}
