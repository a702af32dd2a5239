package rollouts

import (
	"fmt"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Remembered is all that is kept of each Secret and ConfigMap that was read.
func (r *Rollouts) Remembered() map[delivery.ObjectRef]string {
	d := r.reconciler.digests
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[delivery.ObjectRef]string{}
	for ref, got := range d.by {
		out[ref] = fmt.Sprintf("%+v", got)
	}
	return out
}
