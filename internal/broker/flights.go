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
//
// What a store lent for a time is the exception: the first who comes for it
// takes it away, and everybody else fetches for himself.
type flights struct {
	now  func() time.Time
	keep time.Duration
	max  int // bytes that may be kept

	mu     sync.Mutex
	bytes  int
	byKey  map[any]*flight
	joined func() // counts calls that were saved
	// orphan gets what was lent when nobody is left to take it.
	orphan func(ctx context.Context, result any)
}

// cargo is what a fetch brings.
type cargo struct {
	result any
	size   int
	lent   bool // for one taker alone
}

// flight is one fetch, under way or landed.
type flight struct {
	key     any
	began   time.Time
	done    chan struct{} // closed when landed
	waiting int           // callers who have not looked at it yet
	alone   bool          // for the caller who began it

	landed time.Time
	cargo  cargo
	err    error
	taken  bool
}

func newFlights(now func() time.Time, keep time.Duration, maxBytes int, joined func(), orphan func(context.Context, any)) *flights {
	return &flights{
		now: now, keep: keep, max: maxBytes, byKey: map[any]*flight{}, joined: joined, orphan: orphan,
	}
}

// do returns the result of a fetch under key that began no earlier than
// asked. The fetch goes on when ctx ends, since others may wait for it; it
// has to bound itself.
func (f *flights) do(ctx context.Context, key any, asked time.Time, fetch func(context.Context) (cargo, error)) (any, error) {
	alone := false
	for {
		fl, own := f.board(ctx, key, alone, asked, fetch)
		select {
		case <-fl.done:
		case <-ctx.Done():
			f.leave(ctx, fl)
			return nil, ctx.Err()
		}
		switch f.take(ctx, fl, asked) {
		case mine:
			if !own {
				f.joined()
			}
			return fl.cargo.result, fl.err
		case tooOld:
		case gone:
			// Who comes for the same would find it taken again, and wait in
			// line for nothing: a key of its own is shared with nobody.
			key, alone = new(int), true
		}
	}
}

// board finds the flight to wait for, beginning one if need be.
func (f *flights) board(ctx context.Context, key any, alone bool, asked time.Time, fetch func(context.Context) (cargo, error)) (fl *flight, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl = f.byKey[key]
	// One that began too early and is under way: let it land first, so that
	// there is never more than one call for a key at a time.
	if fl != nil && fl.began.Before(asked) && fl.isLanded() {
		f.drop(fl)
		fl = nil
	}
	if own = fl == nil; own {
		fl = f.start(ctx, key, alone, fetch)
	}
	fl.waiting++
	return fl, own
}

// start begins a fetch. f.mu is held.
func (f *flights) start(ctx context.Context, key any, alone bool, fetch func(context.Context) (cargo, error)) *flight {
	fl := &flight{key: key, alone: alone, began: f.now(), done: make(chan struct{})}
	f.byKey[key] = fl
	ctx = context.WithoutCancel(ctx)
	go func() {
		c, err := fetch(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		fl.landed, fl.cargo, fl.err = f.now(), c, err
		f.bytes += c.size
		close(fl.done)
		if c.lent || fl.alone {
			f.drop(fl)
		}
		f.abandon(ctx, fl)
		if f.bytes > f.max {
			f.sweep(0)
		}
	}()
	return fl
}

// claim is what a caller may do with a flight that has landed.
type claim int

const (
	mine   claim = iota
	tooOld       // it began before the caller asked
	gone         // somebody else took what was lent
)

func (f *flights) take(ctx context.Context, fl *flight, asked time.Time) claim {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.waiting--
	switch {
	case fl.began.Before(asked):
		f.abandon(ctx, fl)
		return tooOld
	case fl.taken:
		return gone
	}
	fl.taken = fl.cargo.lent
	return mine
}

// leave is for a caller who gives up.
func (f *flights) leave(ctx context.Context, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.waiting--
	f.abandon(ctx, fl)
}

// abandon gives back what was lent and nobody waits for. f.mu is held.
func (f *flights) abandon(ctx context.Context, fl *flight) {
	if fl.waiting == 0 && !fl.taken && fl.isLanded() && fl.cargo.lent {
		fl.taken = true
		go f.orphan(context.WithoutCancel(ctx), fl.cargo.result)
	}
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
func (f *flights) drop(fl *flight) {
	f.bytes -= fl.cargo.size
	delete(f.byKey, fl.key)
}

// sweep forgets what landed longer ago than keep. f.mu is held.
func (f *flights) sweep(keep time.Duration) {
	limit := f.now().Add(-keep)
	for _, fl := range f.byKey {
		if fl.isLanded() && !fl.landed.After(limit) {
			f.drop(fl)
		}
	}
}

// tidy is called now and then.
func (f *flights) tidy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(f.keep)
}
