package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// coldRun is an operator that was started where work waited for it, and what
// that work took.
type coldRun struct {
	op          *operator
	seen        *sights       // of Secrets, from the start on
	first, last time.Duration // until a Secret existed, from process start
	used        usage         // until the last did
	requests    map[testkit.Request]int
}

// coldStart starts the operator and waits until n Secrets exist that count, and
// all has settled. name is as for watch. The caller stops what it returns.
func (l *lab) coldStart(ctx context.Context, n int, name string, counts func(sight) bool) (_ *coldRun, err error) {
	r := &coldRun{}
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.seen, err = l.watch(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), name); err != nil {
		return nil, err
	}
	before, err := l.plane.Requests(ctx)
	if err != nil {
		return nil, err
	}
	begin := l.readClock(nil)
	if r.op, err = l.startOperator(ctx); err != nil {
		return nil, err
	}
	begin.op = r.op
	first, last, err := r.seen.until(ctx, n, r.op.done, counts)
	if err != nil {
		return nil, r.op.explain(err)
	}
	r.used, r.first, r.last = begin.until(), first.Sub(begin.at), last.Sub(begin.at)
	if err := pause(ctx, fanSettle); err != nil {
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
