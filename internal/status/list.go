package status

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// defaultPage is how many objects are asked for at once.
const defaultPage = 500

// list calls each for all objects of a kind, a page at a time. A kind that is
// not served has none.
func (r *gathering) list(ctx context.Context, what string, newList func() client.ObjectList, namespace string, each func(runtime.Object), which ...client.ListOption) error {
	for next := ""; ; {
		list := newList()
		opts := append([]client.ListOption{client.InNamespace(namespace), client.Limit(r.page), client.Continue(next)}, which...)
		err := r.Client.List(ctx, list, opts...)
		switch {
		case unserved(err):
			return nil
		case forbidden(err):
			r.note("you may not list %s%s, so they are not shown", what, in(namespace))
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", what, err)
		}
		if err := meta.EachListItem(list, func(obj runtime.Object) error { each(obj); return nil }); err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

func (r *gathering) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(r.notes, note) {
		r.notes = append(r.notes, note)
	}
}

func in(namespace string) string {
	if namespace == "" {
		return " in all namespaces"
	}
	return " in namespace " + namespace
}

// unserved reports that the cluster does not know the kind.
func unserved(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

func forbidden(err error) bool { return apierrors.IsForbidden(err) }
