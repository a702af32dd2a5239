package dialect

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Object identifies a manifest. The kind is given because objects from a typed
// cache do not carry it.
func Object(gvk schema.GroupVersionKind, obj client.Object) delivery.Object {
	return delivery.Object{
		APIVersion: gvk.GroupVersion().String(),
		Kind:       gvk.Kind,
		Namespace:  obj.GetNamespace(),
		Name:       obj.GetName(),
		UID:        string(obj.GetUID()),
		Generation: obj.GetGeneration(),
	}
}
