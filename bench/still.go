package main

import (
	"context"
	"errors"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// What stands still, and for how long it is looked at.
const (
	stillObjects  = 1000
	stillKeys     = 100
	stillInterval = 15 * time.Second
	stillWindow   = 30 * time.Second
)

// stillResult is what the window cost.
type stillResult struct {
	used     usage
	vault    testkit.VaultCounts
	requests map[testkit.Request]int
	rss      int64
	rssPeak  int64
}

// still measures an operator that refreshes and finds nothing new.
func still(ctx context.Context, l *lab, res *result) error {
	const namespace = "tacit"
	if err := errors.Join(l.fill(ctx, stillKeys), l.namespace(ctx, namespace), l.freshStore(ctx)); err != nil {
		return err
	}
	if _, err := l.apply(ctx, namespace, stillObjects, stillKeys, stillInterval.String()); err != nil {
		return err
	}
	meter, err := l.meter(ctx, namespace, stillObjects)
	if err != nil {
		return err
	}
	defer meter.stop()
	begin := meter.begin(l)
	op, err := l.startOperator(ctx)
	if err != nil {
		return err
	}
	defer op.stop()
	if _, err := meter.wait(ctx, begin, op.done); err != nil {
		return op.explain(err)
	}
	say("  settling")
	// Two waves, and time for the events of the start.
	if err := pause(ctx, 2*stillInterval+settle/2); err != nil {
		return err
	}
	// A window that begins in the middle of a wave counts the half of a
	// further one.
	if err := meter.quiet(ctx, 400*time.Millisecond, 2*stillInterval); err != nil {
		return err
	}
	meter.stop()
	say("  measuring")
	got, err := l.stillWindow(ctx, op)
	if err != nil {
		return op.explain(err)
	}
	res.still(got)
	return nil
}

func (l *lab) stillWindow(ctx context.Context, op *operator) (got stillResult, err error) {
	before, err := l.plane.Requests(ctx)
	if err != nil {
		return got, err
	}
	if err := l.vault.ResetCounts(ctx); err != nil {
		return got, err
	}
	begin := l.readClock(op)
	if err := pause(ctx, stillWindow); err != nil {
		return got, err
	}
	got.used = begin.until()
	if got.vault, err = l.vault.Counts(ctx); err != nil {
		return got, err
	}
	if got.requests, err = l.since(ctx, before, 0); err != nil {
		return got, err
	}
	got.rss, got.rssPeak, err = op.memory()
	return got, err
}
