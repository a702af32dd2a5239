package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// readFactor is how much more than what is taken may be read for it: of a
// document one property may be wanted. A tenant can choose the server and with
// it how much that answers, so this is what an object can cost in memory.
const readFactor = 2

// budget is what the reads of a Fetch share.
type budget struct {
	max   int
	slots chan struct{} // of reads under way

	mu    sync.Mutex
	total int
	sizes []int // by read
	over  int   // the first read with which it is too much; len(sizes) if none
}

// share is what one read has of a budget.
type share struct {
	*budget
	read int
}

func newBudget(reads int, opts Options) *budget {
	return &budget{
		max: readFactor * opts.MaxBytes, slots: make(chan struct{}, opts.Parallel),
		sizes: make([]int, reads), over: reads,
	}
}

// errOver ends a read that does not count, since those before it are too much
// already. It is shown to nobody.
var errOver = errors.New("too much was read")

// spend counts bytes that were read.
//
// Too much is a matter of what comes before a read in order, not in time, so
// that the same read is blamed every time: those before it go on.
func (s share) spend(size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes[s.read] += size
	if s.total += size; s.total > s.max {
		sum := 0
		for i := range s.over {
			if sum += s.sizes[i]; sum > s.max {
				s.over = i
				break
			}
		}
	}
	if s.read >= s.over {
		return errOver
	}
	return nil
}

// document reads one document.
func (s share) document(ctx context.Context, r Reader, store delivery.StoreRef, ref backend.Ref) (backend.Document, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return backend.Document{}, ctx.Err()
	}
	if err := s.spend(0); err != nil {
		return backend.Document{}, err
	}
	doc, err := r.Read(ctx, store, ref)
	if err == nil {
		err = s.spend(doc.Value.Len() + doc.Fields.Size())
	}
	if err != nil {
		return backend.Document{}, err
	}
	return doc, nil
}

// verdict is the failure of the reads, if any.
func (b *budget) verdict(list []*read) *delivery.Error {
	for i, one := range list {
		if i == b.over {
			return Failure(one.src, &backend.Error{Kind: backend.Malformed, Message: fmt.Sprintf(
				"more than %d bytes would have to be read for this object; name fewer or smaller secrets", b.max)})
		}
		if one.failed != nil {
			return one.failed
		}
	}
	return nil
}
