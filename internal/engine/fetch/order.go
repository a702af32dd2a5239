package fetch

import (
	"context"
	"sync"
)

// inOrder calls fn for 0 to n-1, some at a time. A failure stops the calls
// after it in order and no others, so that the error returned, the first in
// order, is the same however the calls race.
func inOrder(ctx context.Context, n, parallel int, fn func(ctx context.Context, i int) error) error {
	if n == 1 {
		return fn(ctx, 0)
	}
	o := &ordered{failed: n, running: map[int]context.CancelFunc{}}
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{} // calls honour ctx: one ends soon if it is done
		own, ok := o.begin(ctx, i)
		if !ok {
			break
		}
		all.Go(func() {
			o.end(i, fn(own, i))
			<-slots
		})
	}
	all.Wait()
	if o.err != nil {
		return o.err
	}
	return ctx.Err()
}

// ordered is the state of an inOrder.
type ordered struct {
	mu      sync.Mutex
	failed  int // index of the first failure so far
	err     error
	running map[int]context.CancelFunc
}

// begin reports whether call i is still wanted, and gives it its context.
func (o *ordered) begin(ctx context.Context, i int) (context.Context, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || ctx.Err() != nil {
		return nil, false
	}
	own, cancel := context.WithCancel(ctx)
	o.running[i] = cancel
	return own, true
}

func (o *ordered) end(i int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running[i]()
	delete(o.running, i)
	if err == nil || i >= o.failed {
		return
	}
	o.failed, o.err = i, err
	for j, cancel := range o.running {
		if j > i {
			cancel()
		}
	}
}
