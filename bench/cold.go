package main

import (
	"context"
	"errors"
	"time"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// settle is how long the operator is left alone after a cold start before its
// memory is read: its last events are written, its garbage is collected.
const settle = 20 * time.Second

// coldResult is a turn of the operator and what it cost.
type coldResult struct {
	turn
	vault    testkit.VaultCounts
	requests map[testkit.Request]int
	// rss is the operator's own memory, when it was ready and after settle.
	rssReady, rssSettled, rssPeak int64
}

// cold measures a cold start between two turns of the bare writer.
func cold(n, keys int) func(context.Context, *lab, *result) error {
	return func(ctx context.Context, l *lab, res *result) error {
		if err := l.fill(ctx, keys); err != nil {
			return err
		}
		p, err := l.learn(ctx)
		if err != nil {
			return err
		}
		say("  the bare writer, before")
		before, err := l.bareTurn(ctx, "bare-before", p, n, keys)
		if err != nil {
			return err
		}
		say("  tacit")
		const namespace = "tacit"
		if err := errors.Join(l.namespace(ctx, namespace), l.freshStore(ctx)); err != nil {
			return err
		}
		if _, err := l.apply(ctx, namespace, n, keys, noRefresh); err != nil {
			return err
		}
		got, err := l.coldTurn(ctx, namespace, n, settle)
		if err != nil {
			return err
		}
		if err := l.clear(ctx, namespace); err != nil {
			return err
		}
		say("  the bare writer, after")
		after, err := l.bareTurn(ctx, "bare-after", p, n, keys)
		if err != nil {
			return err
		}
		res.cold(keys, before, got, after)
		return nil
	}
}

// coldTurn starts the operator on n objects that are there, and stops it when
// it was left alone for so long after.
func (l *lab) coldTurn(ctx context.Context, namespace string, n int, alone time.Duration) (res coldResult, err error) {
	if err := l.vault.ResetCounts(ctx); err != nil {
		return res, err
	}
	meter, err := l.meter(ctx, namespace, n)
	if err != nil {
		return res, err
	}
	defer meter.stop()
	requests, err := l.plane.Requests(ctx)
	if err != nil {
		return res, err
	}
	begin := meter.begin(l)
	op, err := l.startOperator(ctx)
	if err != nil {
		return res, err
	}
	defer op.stop()
	begin.op = op
	if res.turn, err = meter.wait(ctx, begin, op.done); err != nil {
		return res, op.explain(err)
	}
	meter.stop()
	if res.rssReady, _, err = op.memory(); err != nil {
		return res, op.explain(err)
	}
	if err := pause(ctx, alone); err != nil {
		return res, err
	}
	if res.rssSettled, res.rssPeak, err = op.memory(); err != nil {
		return res, op.explain(err)
	}
	if res.vault, err = l.vault.Counts(ctx); err != nil {
		return res, err
	}
	res.requests, err = l.since(ctx, requests, res.Polls)
	return res, err
}

// since are the operator's requests after the given counts: those for what it
// works on, without the meter's own. Watches are left out: they count when
// they end, and only the meter's do.
func (l *lab) since(ctx context.Context, before map[testkit.Request]int, polls int) (map[testkit.Request]int, error) {
	after, err := l.plane.Requests(ctx)
	if err != nil {
		return nil, err
	}
	changed := testkit.Since(before, after)
	for r := range changed {
		if r.Verb == "WATCH" || r.Resource == "" || housekeeping(r.Resource) {
			delete(changed, r)
		}
	}
	own := testkit.Request{Verb: "LIST", Resource: "secrets"}
	if changed[own] -= polls; changed[own] == 0 {
		delete(changed, own)
	}
	return changed, nil
}

// housekeeping is what an API server without clients asks itself for.
func housekeeping(resource string) bool {
	switch resource {
	case "leases", "apiservices", "customresourcedefinitions", "services", "endpointslices", "ipaddresses",
		"servicecidrs", "flowschemas", "prioritylevelconfigurations", "storageversions", "resourcequotas",
		"limitranges", "priorityclasses", "clusterroles", "clusterrolebindings", "roles", "rolebindings":
		return true
	}
	return false
}
