package target

import "context"

// WrittenBy names who wrote to the target last beside its own object, by the
// field manager that the API server took down; empty if that cannot be told.
func (w *Writer) WrittenBy(ctx context.Context, dest *Target) string {
	objs, err := w.objects(ctx, dest)
	if err != nil {
		return ""
	}
	got, err := objs.get(ctx, dest.Name)
	if err != nil {
		return ""
	}
	last := -1
	for i := range got.ManagedFields {
		switch e := &got.ManagedFields[i]; {
		case e.Manager == dest.FieldManager || e.Time == nil:
		case last < 0 || !e.Time.Before(got.ManagedFields[last].Time):
			last = i
		}
	}
	if last < 0 {
		return ""
	}
	return got.ManagedFields[last].Manager
}
