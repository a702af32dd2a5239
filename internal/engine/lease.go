package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
)

// fetch reads the sources, or keeps what a store has lent. kept is true where
// that is in its places already.
func (r *run) fetch(ctx context.Context) (got fetch.Result, kept bool, err error) {
	plan := r.job.Plan
	if plan.Leases != nil && !plan.Leases.Held.IsZero() {
		got, kept, err = r.keep(ctx)
		if err != nil || kept || got.Data != nil {
			return got, kept, err
		}
	}
	got, err = fetch.Fetch(ctx, reader{r.job.Stores, r.Engine}, plan.Sources, fetch.Options{
		SkipMissing: plan.Destination.Deletion != delivery.Retain, MaxBytes: maxFetched})
	if err != nil || plan.Leases == nil || got.Lease.IsZero() {
		return got, false, err
	}
	return got, false, r.record(ctx, got.Lease)
}

// record writes a new lease down before anybody sees what it is for: whatever
// happens then, the object knows what to give back.
func (r *run) record(ctx context.Context, lease delivery.Lease) error {
	lease.Renewed = r.Now()
	if err := r.job.Record(ctx, lease); err != nil {
		// Given back even if we are told to stop.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = r.job.Stores.Revoke(ctx, r.job.Plan.Sources[0].Store, lease.ID)
		return &delivery.Error{Kind: delivery.WriteFailed, Err: err,
			Message: "the lease of new credentials could not be recorded in the status, so they were given back"}
	}
	r.out.Lease, r.out.LeaseChange = lease, delivery.LeaseIssued
	return nil
}

// keep renews the lease, and takes the data from a place that has it if another
// needs it. Without either, new credentials are needed.
//
// A store caps a renewal at what is left of the longest time it allows. When
// less than half of the first duration is granted, that end is near: new
// credentials are taken, and the old ones, which somebody may still be using,
// run out by themselves.
func (r *run) keep(ctx context.Context) (got fetch.Result, kept bool, err error) {
	plan := r.job.Plan
	held, store := plan.Leases.Held, plan.Sources[0].Store
	holder := r.holder(held.ID)
	if holder == nil && len(r.job.Places) > 0 {
		return got, false, nil
	}
	granted, err := r.job.Stores.Renew(ctx, store, held)
	left := held.Renewed.Add(held.Duration).Sub(r.Now())
	r.out.RenewFailed = err != nil
	switch {
	case err == nil && granted.Duration < held.Duration/2:
		return got, false, nil
	case err == nil:
		held.Renewed = r.Now()
		r.out.LeaseChange = delivery.LeaseRenewed
	case kindOf(err) == backend.NotFound:
		return got, false, nil
	case kindOf(err) == backend.Refused, kindOf(err) == backend.Misconfigured, kindOf(err) == backend.Unsupported:
		// Not to be renewed by us: good for as long as it lasts.
		if left < held.Duration/2 {
			return got, false, nil
		}
	default:
		r.out.Lease = held
		return got, false, fetch.Failure(&plan.Sources[0], err)
	}
	r.out.Lease = held
	if r.job.Intact && len(r.job.Former) == 0 || holder == nil {
		return got, true, nil
	}
	obj, err := r.Object(ctx, delivery.ObjectRef{Kind: plan.Destination.Kind, Namespace: holder.Namespace, Name: holder.Name})
	if delivery.KindOf(err) == delivery.SourceMissing || err == nil && r.lease(obj.Annotations) != held.ID {
		r.out.Lease, r.out.LeaseChange = delivery.Lease{}, delivery.LeaseKept
		return got, false, nil // gone since it was seen
	}
	return fetch.Result{Data: obj.Data}, false, err
}

// holder is a place that was seen with what the lease is for.
func (r *run) holder(id string) *Place {
	for i := range r.job.Places {
		if p := &r.job.Places[i]; p.Seen != nil && r.lease(p.Seen.Annotations) == id {
			return p
		}
	}
	return nil
}

// lease is the lease that is stamped on a place.
func (r *run) lease(annotations map[string]string) string {
	for key, stamp := range r.job.Plan.Destination.Marks.Stamps {
		if stamp == delivery.StampLease {
			return annotations[key]
		}
	}
	return ""
}

func kindOf(err error) backend.Kind {
	var e *backend.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return backend.Unavailable
}

// Revoke gives back what an object holds when the object goes.
func (e *Engine) Revoke(ctx context.Context, stores Stores, plan *delivery.Delivery) error {
	if plan.Leases == nil || plan.Leases.Held.IsZero() || len(plan.Sources) == 0 {
		return nil
	}
	if err := stores.Revoke(ctx, plan.Sources[0].Store, plan.Leases.Held.ID); err != nil && kindOf(err) != backend.NotFound {
		return fetch.Failure(&plan.Sources[0], err)
	}
	return nil
}
