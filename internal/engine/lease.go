package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
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
		SkipMissing: plan.Destination.Deletion != delivery.Retain})
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
		then := "so they were given back"
		if revoke := r.job.Stores.Revoke(ctx, r.job.Plan.Sources[0].Store, lease.ID); revoke != nil {
			then = "and they could not be given back: lease " + lease.ID + " ends by itself"
		}
		return &delivery.Error{Kind: delivery.WriteFailed, Err: err,
			Message: "the lease of new credentials could not be recorded in the status, " + then}
	}
	r.out.Lease.Held, r.out.Lease.Change = lease, delivery.LeaseIssued
	return nil
}

// keep renews the lease, and takes the data from a place that has it if another
// needs it. Without either, new credentials are needed: nobody else knows them.
//
// A store caps a renewal at what is left of the longest time it allows. When
// less than half of the longest duration so far is granted, that end is near: new
// credentials are taken, and the old ones, which somebody may still be using,
// run out by themselves.
func (r *run) keep(ctx context.Context) (got fetch.Result, kept bool, err error) {
	plan := r.job.Plan
	held, store := plan.Leases.Held, plan.Sources[0].Store
	holders := r.holders(held.ID)
	if len(holders) == 0 && len(r.job.Places) > 0 {
		return got, false, nil
	}
	if plan.Destination.Store != (delivery.StoreRef{}) && !r.job.Settled {
		r.forsaken = held // recorded, and written nowhere
		return got, false, nil
	}
	granted, err := r.job.Stores.Renew(ctx, store, held)
	left := held.Renewed.Add(held.Duration).Sub(r.Now())
	if !held.Until.IsZero() {
		left = min(left, held.Until.Sub(r.Now()))
	}
	if r.out.Lease.RenewFailed = err != nil; err != nil {
		r.out.Lease.RenewStatus = backend.StatusOf(err)
	}
	switch {
	case err == nil && granted.Duration < held.Duration/2:
		return got, false, nil
	case err == nil:
		// More if it was cut to the end of a token that lasts longer by now.
		held.Duration = max(held.Duration, granted.Duration)
		held.Renewed, held.Until = r.Now(), granted.Until
		r.out.Lease.Change = delivery.LeaseRenewed
	case backend.KindOf(err) == backend.NotFound:
		return got, false, nil
	case backend.KindOf(err) == backend.Refused, backend.KindOf(err) == backend.Misconfigured, backend.KindOf(err) == backend.Unsupported:
		// Not to be renewed by us: good for as long as it lasts.
		if left < held.Duration/2 {
			return got, false, nil
		}
	default:
		r.out.Lease.Held = held
		return r.unanswered(ctx, holders, left, fetch.Failure(&plan.Sources[0], err))
	}
	r.out.Lease.Held = held
	if r.job.Intact && len(r.job.Unwanted) == 0 || len(holders) == 0 {
		return got, true, nil
	}
	data, err := r.lent(ctx, holders, held.ID)
	if err != nil || data == nil {
		r.out.Lease.Held, r.out.Lease.Change = delivery.Lease{}, delivery.LeaseKept
	}
	return fetch.Result{Data: data}, false, err
}

// unanswered goes on where a store did not answer for a lease. While that is
// good, a place that lacks what it is for gets it from one that has it, and the
// run fails after that.
func (r *run) unanswered(ctx context.Context, holders []*Spot, left time.Duration, failure error) (got fetch.Result, kept bool, err error) {
	id := r.out.Lease.Held.ID
	lacks := func(p Spot) bool { return p.Seen == nil || r.lease(p.Seen.Annotations) != id }
	if left <= 0 || !slices.ContainsFunc(r.job.Places, lacks) {
		return got, false, failure
	}
	data, err := r.lent(ctx, holders, id)
	if err != nil || data == nil {
		return got, false, failure
	}
	r.unrenewed = failure
	return fetch.Result{Data: data}, false, nil
}

// holders are the places that may have what the lease is for: by their stamp,
// or because we made them and the watch has not brought that yet.
func (r *run) holders(id string) []*Spot {
	var all []*Spot
	for i := range r.job.Places {
		p := &r.job.Places[i]
		made := p.Memory.Version != "" && (p.Seen == nil || target.Older(p.Seen.ResourceVersion, p.Memory.Version))
		if made || p.Seen != nil && r.lease(p.Seen.Annotations) == id {
			all = append(all, p)
		}
	}
	return all
}

// lent reads what the lease is for from the places that have it; nil if none
// has. Whoever can write one place must not decide what the others get: what
// is taken bears our digest of it. Copies that the original made bear none,
// and are believed if all of them agree.
func (r *run) lent(ctx context.Context, holders []*Spot, id string) (secret.Data, error) {
	var plain []secret.Data
	for _, p := range holders {
		obj, err := r.Object(ctx, delivery.ObjectRef{Kind: r.job.Plan.Destination.Kind, Namespace: p.Namespace, Name: p.Name})
		if delivery.KindOf(err) == delivery.SourceMissing || err == nil && r.lease(obj.Annotations) != id {
			continue // gone since it was seen
		}
		if err != nil {
			return nil, err
		}
		switch stamp := obj.Annotations[delivery.Lent]; stamp {
		case r.lentDigest(obj.Data, id):
			return obj.Data, nil
		case "":
			plain = append(plain, obj.Data)
		default:
			plain = append(plain, secret.Data{}) // somebody changed it
		}
	}
	for _, d := range plain {
		if r.lentDigest(d, id) != r.lentDigest(plain[0], id) || len(d) == 0 {
			return nil, nil
		}
	}
	if len(plain) == 0 {
		return nil, nil
	}
	return plain[0], nil
}

// lentDigest binds data to the lease that it came with.
func (r *run) lentDigest(data secret.Data, id string) string {
	bound := maps.Clone(data)
	if bound == nil {
		bound = secret.Data{}
	}
	bound["tacit.dev/lease"] = secret.NewString(id) // no key has a slash
	return string(r.Writer.Key.Digest(bound))
}

// unused gives back new credentials that no place took: another try takes
// others.
func (r *run) unused(ctx context.Context) {
	if r.out.Destination.Places == 0 && len(r.job.Places) > 0 {
		r.giveBack(ctx)
	}
}

// giveBack revokes the lease that this run took, for credentials that nobody
// has. If that fails it ends by itself.
func (r *run) giveBack(ctx context.Context) {
	if r.out.Lease.Change != delivery.LeaseIssued {
		return
	}
	if r.job.Stores.Revoke(ctx, r.job.Plan.Sources[0].Store, r.out.Lease.Held.ID) == nil {
		r.out.Lease.Held, r.out.Lease.Change = delivery.Lease{}, delivery.LeaseRevoked
	}
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

// Revoke gives back what an object holds when the object goes.
func (e *Engine) Revoke(ctx context.Context, stores Stores, plan *delivery.Delivery) error {
	if plan.Leases == nil || plan.Leases.Held.IsZero() || len(plan.Sources) == 0 {
		return nil
	}
	if err := stores.Revoke(ctx, plan.Sources[0].Store, plan.Leases.Held.ID); err != nil && backend.KindOf(err) != backend.NotFound {
		return fetch.Failure(&plan.Sources[0], err)
	}
	return nil
}
