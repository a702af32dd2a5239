package engine

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/shape"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// reader reads stores, and objects of the cluster. It implements
// fetch.Reader.
type reader struct {
	Stores
	*Engine
}

// Object implements fetch.Reader.
func (e *Engine) Object(ctx context.Context, ref delivery.ObjectRef) (fetch.Object, error) {
	var obj fetch.Object
	got, err := target.Read(ctx, e.Core, ref)
	switch {
	case apierrors.IsNotFound(err):
		return obj, &delivery.Error{Kind: delivery.SourceMissing, Err: err, Message: ref.String() + " does not exist"}
	case apierrors.IsForbidden(err):
		return obj, &delivery.Error{Kind: delivery.Refused, Err: err, Message: "the operator may not read " + ref.String()}
	case err != nil:
		return obj, &delivery.Error{Kind: delivery.Unavailable, Err: err, Message: ref.String() + " could not be read"}
	}
	obj.Data, obj.Type = secret.FromMap(got.Data), string(got.Type)
	obj.Version, obj.Labels, obj.Annotations = got.ResourceVersion, got.Labels, got.Annotations
	return obj, nil
}

// Unseal implements fetch.Reader.
func (e *Engine) Unseal(ctx context.Context, s delivery.Sealed) (secret.Data, string, error) {
	if e.Sealed == nil {
		return nil, "", &delivery.Error{Kind: delivery.Unsupported, Message: "this operator opens no sealed data"}
	}
	return e.Sealed.Unseal(ctx, s)
}

// template reads a template with the rights of the object's namespace.
func (e *Engine) template(plan *delivery.Delivery) shape.Lookup {
	ns := plan.Object.Namespace
	return func(ctx context.Context, kind, name, key string) (secret.Value, error) {
		obj, err := e.Object(ctx, delivery.ObjectRef{Kind: kind, Namespace: ns, Name: name})
		switch {
		case delivery.KindOf(err) == delivery.SourceMissing:
			return secret.Value{}, shapeError(err, "%s %s with templates does not exist in namespace %s", kind, name, ns)
		case err != nil:
			return secret.Value{}, shapeError(err, "%s %s with templates could not be read", kind, name)
		}
		value, ok := obj.Data[key]
		if !ok {
			return secret.Value{}, shapeError(nil, "%s %s has no template %q", kind, name, key)
		}
		return value, nil
	}
}

func shapeError(err error, format string, args ...any) error {
	return &delivery.Error{Kind: delivery.ShapeFailed, Message: fmt.Sprintf(format, args...), Err: err}
}
