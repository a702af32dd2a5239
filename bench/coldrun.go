package main

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// quietAfter lets what follows a change end before the next: statuses, events,
// and runs that should not be. It is longer than the operator waits for further
// changes, so that a rollout too many would show.
const quietAfter = 2 * time.Second

// awaited is what an operator is to bring about: so many objects of a kind that
// count. name is as for watch.
type awaited struct {
	kind   schema.GroupVersionResource
	name   string
	n      int
	counts func(sight) bool
}

// coldRun is an operator that was started where work waited for it, and what
// that work took.
type coldRun struct {
	op          *operator
	seen        *sights       // of what was awaited, from the start on
	first, last time.Duration // until an object counted, from process start
	used        usage         // until the last did
	requests    map[testkit.Request]int
}

// coldStart starts the operator with these flags and waits until what is awaited
// is there, and all has settled. The caller stops what it returns.
func (l *lab) coldStart(ctx context.Context, want awaited, flags ...string) (_ *coldRun, err error) {
	r := &coldRun{}
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.seen, err = l.watch(ctx, want.kind, want.name); err != nil {
		return nil, err
	}
	before, err := l.plane.Requests(ctx)
	if err != nil {
		return nil, err
	}
	begin := l.readClock(nil)
	if r.op, err = l.startOperator(ctx, flags...); err != nil {
		return nil, err
	}
	begin.op = r.op
	first, last, err := r.seen.until(ctx, want.n, r.op.done, want.counts)
	if err != nil {
		return nil, r.op.explain(err)
	}
	r.used, r.first, r.last = begin.until(), first.Sub(begin.at), last.Sub(begin.at)
	if err := pause(ctx, quietAfter); err != nil {
		return nil, err
	}
	r.requests, err = l.since(ctx, before, 0)
	return r, err
}

func (r *coldRun) stop() {
	if r.op != nil {
		r.op.stop()
	}
	if r.seen != nil {
		r.seen.stop()
	}
}
