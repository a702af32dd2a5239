package target

import (
	"context"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// inherit is claim under Marked, of what bears the mark of an object that is no
// more too: nobody's, it is taken over. Within one namespace only, where it was
// renamed, or the same people could make it again; others may have kept what
// it made for reasons of their own.
func (w *Writer) inherit(ctx context.Context, dest *Target, cur state) (adopting bool, err error) {
	adopting, err = w.claimMarked(dest, cur)
	if delivery.KindOf(err) != delivery.TargetOwned || w.Gone == nil || cur.meta.Annotations[delivery.Adopt] != "" {
		return adopting, err
	}
	owner, ok := dest.OwnerOf(&cur.meta)
	if ok && owner.Namespace == dest.Owner.Namespace && w.Gone(ctx, dest.Destination, owner) {
		return true, nil
	}
	return adopting, err
}
