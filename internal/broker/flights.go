package broker

import (
	"context"
	"sync"
	"time"
)

// flights joins calls that ask for the same thing. Its rule: a value fetched
// after you asked is as good as one fetched for you. So a result serves
// everybody who asked before its fetch began, and nobody who asked later.
//
// Results stay for keep, so that a wave of objects that asked together costs
// one call though they are worked off one after the other; then they go, for
// they hold secrets.
type flights struct {
	now  func() time.Time
	keep time.Duration
	max  int // bytes that may be kept

	mu     sync.Mutex
	bytes  int
	byKey  map[any]*flight
	joined func() // counts calls that were saved
}

// flight is one fetch, under way or landed.
type flight struct {
	began time.Time
	done  chan struct{} // closed when landed

	landed time.Time
	result any
	size   int
	err    error
}

func newFlights(now func() time.Time, keep time.Duration, maxBytes int, joined func()) *flights {
	return &flights{now: now, keep: keep, max: maxBytes, byKey: map[any]*flight{}, joined: joined}
}

// do returns the result of a fetch under key that began no earlier than
// asked. The fetch goes on when ctx ends, since others may wait for it; it
// has to bound itself.
func (f *flights) do(ctx context.Context, key any, asked time.Time, fetch func(context.Context) (any, int, error)) (any, error) {
	for first := true; ; first = false {
		f.mu.Lock()
		fl := f.byKey[key]
		switch {
		case fl == nil:
			fl = f.start(ctx, key, fetch)
		case fl.began.Before(asked):
			// Too old for us. Under way: let it land first, so that there
			// is never more than one call for a key at a time.
			if fl.isLanded() {
				f.drop(key, fl)
				fl = f.start(ctx, key, fetch)
			}
		case first:
			f.joined()
		}
		f.mu.Unlock()

		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !fl.began.Before(asked) {
			return fl.result, fl.err
		}
	}
}

// start begins a fetch. f.mu is held.
func (f *flights) start(ctx context.Context, key any, fetch func(context.Context) (any, int, error)) *flight {
	fl := &flight{began: f.now(), done: make(chan struct{})}
	f.byKey[key] = fl
	ctx = context.WithoutCancel(ctx)
	go func() {
		result, size, err := fetch(ctx)
		f.mu.Lock()
		fl.landed, fl.result, fl.size, fl.err = f.now(), result, size, err
		f.bytes += size
		close(fl.done)
		if f.bytes > f.max {
			f.sweep(0)
		}
		f.mu.Unlock()
	}()
	return fl
}

func (fl *flight) isLanded() bool {
	select {
	case <-fl.done:
		return true
	default:
		return false
	}
}

// drop forgets a landed flight. f.mu is held.
func (f *flights) drop(key any, fl *flight) {
	f.bytes -= fl.size
	delete(f.byKey, key)
}

// sweep forgets what landed longer ago than keep. f.mu is held.
func (f *flights) sweep(keep time.Duration) {
	limit := f.now().Add(-keep)
	for key, fl := range f.byKey {
		if fl.isLanded() && !fl.landed.After(limit) {
			f.drop(key, fl)
		}
	}
}

// tidy is called now and then.
func (f *flights) tidy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(f.keep)
}
