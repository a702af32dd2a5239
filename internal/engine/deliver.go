package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/shape"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// parallel bounds the writes of one object that are under way at once: as
// many as the API server takes without getting slower.
const parallel = 32

// Target is a place on the terms of the job's destination.
func (j *Job) Target(p *Spot) *target.Target {
	dest := &j.Plan.Destination
	one := *dest
	one.Namespace, one.Name, one.Spread = p.Namespace, p.Name, nil
	return &target.Target{
		Destination: &one, Cluster: p.Cluster, OwnerOf: j.OwnerOf, Seen: p.Seen, Memory: p.Memory,
		Remake: dest.Spread != nil && !p.Follower,
	}
}

// desired adds the terms of the destination to what was read and rendered.
func (r *run) desired(got fetch.Result, shaped shape.Result) target.Desired {
	plan := r.job.Plan
	dest := &plan.Destination
	want := target.Desired{Data: shaped.Data, Type: dest.Type, Stamps: r.stamps(got, shaped.Data)}
	if s := &plan.Schedule; s.Policy == delivery.Watched && s.Current {
		want.Varying = shaped.Varying
	}
	labels, annotations := map[string]string{}, map[string]string{}
	if obj := got.Object; obj != nil {
		if want.Type == "" {
			want.Type = obj.Type
		}
		if plan.Shape.Carry.Labels {
			labels = shape.Carried(obj.Labels, plan.Shape.Carry.Without)
		}
		if plan.Shape.Carry.Annotations {
			annotations = shape.Carried(obj.Annotations, plan.Shape.Carry.Without)
		}
	}
	for _, m := range []map[string]string{dest.Labels, shaped.Labels, dest.Marks.Labels} {
		maps.Copy(labels, m)
	}
	for _, m := range []map[string]string{dest.Annotations, shaped.Annotations, dest.Marks.Annotations} {
		maps.Copy(annotations, m)
	}
	want.Labels, want.Annotations = labels, annotations
	return want
}

// stamps are the annotations that tell of this write.
func (r *run) stamps(got fetch.Result, data secret.Data) map[string]string {
	var out map[string]string
	if !r.out.Lease.Held.IsZero() {
		out = map[string]string{delivery.Lent: r.lentDigest(data, r.out.Lease.Held.ID)}
	}
	for key, stamp := range r.job.Plan.Destination.Marks.Stamps {
		value := ""
		switch stamp {
		case delivery.StampTime:
			value = r.Now().UTC().Format(time.RFC3339)
		case delivery.StampVersion:
			value = got.Version
		case delivery.StampLink:
			value = got.Link
		case delivery.StampLease:
			value = r.out.Lease.Held.ID
		case delivery.StampLeaseDuration:
			if !r.out.Lease.Held.IsZero() {
				value = strconv.Itoa(int(r.out.Lease.Held.Duration.Seconds()))
			}
		}
		if value == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = value
	}
	return out
}

// spread writes every place, and takes back what should be nowhere. What goes
// wrong in one place stops no other.
func (r *run) spread(ctx context.Context, want target.Desired) error {
	follow := want
	if len(r.job.Plan.Destination.Marks.Follow) > 0 {
		follow.Annotations = maps.Clone(want.Annotations)
		maps.Copy(follow.Annotations, r.job.Plan.Destination.Marks.Follow)
	}
	var mu sync.Mutex
	each(r.job.Places, func(p *Spot) {
		w := want
		if p.Follower {
			w = follow
		}
		res, err := r.place(ctx, p, w)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			p.Memory = target.Memory{}
			if p.Cluster == "" && target.NamespaceGoes(err) {
				return // and whatever is in it
			}
			if p.Cluster != "" && delivery.KindOf(err) != delivery.Invalid {
				p.Memory = unknown(p) // it may have been written
			}
			r.refuse(p, err)
			return
		}
		p.Memory = res.Memory
		r.out.Destination.Places++
		if res.Change != delivery.NoChange {
			r.out.Destination.Written++
			r.out.Destination.Change = res.Change
		}
	})
	r.unused(ctx)
	return r.takeBack(ctx)
}

// place writes one place. Who loses against another writer looks again.
func (r *run) place(ctx context.Context, p *Spot, want target.Desired) (target.Result, error) {
	const tries = 4
	t := r.job.Target(p)
	for try := 1; ; try++ {
		res, err := r.Writer.Apply(ctx, t, want)
		if delivery.KindOf(err) != delivery.Conflict || try == tries || ctx.Err() != nil {
			return res, err
		}
		t.Memory = unknown(p)
	}
}

func (r *run) removed(p delivery.Place) {
	d := &r.out.Destination
	d.Removed = append(d.Removed, p)
	if d.Change == delivery.NoChange {
		d.Change = delivery.Removed
	}
}

// unknown says that a place may be there, so that it is read.
func unknown(p *Spot) target.Memory { return target.Memory{Name: p.Name, Version: "0"} }

// takeBack deletes what is not wanted any longer, and sums up what went wrong.
func (r *run) takeBack(ctx context.Context) error {
	var mu sync.Mutex
	each(r.job.Unwanted, func(p *Spot) {
		gone, err := r.Writer.Delete(ctx, r.job.Target(p))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			r.refuse(p, err)
		case gone:
			r.removed(p.Place)
		}
	})
	return summary(r.out.Destination.Refused, len(r.job.Places)+len(r.job.Unwanted))
}

func (r *run) refuse(p *Spot, err error) {
	failure := &delivery.Error{Kind: delivery.WriteFailed, Message: "interrupted", Err: err}
	errors.As(err, &failure)
	r.out.Destination.Refused = append(r.out.Destination.Refused, delivery.Refusal{Place: p.Place, Err: failure})
}

// maxTold bounds how many places a message names.
const maxTold = 3

// summary is one error for all places that could not be served. It is as
// final as the least final of them.
func summary(refused []delivery.Refusal, of int) error {
	if len(refused) == 0 {
		return nil
	}
	// Not in the order of their time, which a message would change with.
	slices.SortFunc(refused, func(a, b delivery.Refusal) int { return a.Compare(b.Place) })
	first := refused[0].Err
	var told []string
	for i, f := range refused {
		if i < maxTold {
			told = append(told, f.String()+": "+f.Err.Message)
		}
		if first.Kind.Final() && !f.Err.Kind.Final() {
			first = f.Err
		}
	}
	more := ""
	if n := len(refused) - maxTold; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return &delivery.Error{Kind: first.Kind, RetryAfter: first.RetryAfter, Err: first, Have: first.Have, Want: first.Want,
		Message: fmt.Sprintf("%d of %d places could not be served: %s%s", len(refused), of, strings.Join(told, "; "), more)}
}

// each calls fn for every place, some at a time.
func each(places []Spot, fn func(p *Spot)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range places {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			fn(&places[i])
		})
	}
	all.Wait()
}

// store writes the result into a store. Nothing does not replace what is there:
// a source that was emptied, or is yet to be filled, is no order to delete.
func (r *run) store(ctx context.Context, got fetch.Result, data secret.Data) error {
	dest := &r.job.Plan.Destination
	if got.Object != nil && target.Privileged(got.Object.Type) {
		return &delivery.Error{Kind: delivery.TargetControlled, Message: fmt.Sprintf(
			"it is not copied: Secrets of type %s are acted on by the cluster itself", got.Object.Type)}
	}
	if len(data) == 0 {
		r.giveBack(ctx)
		return &delivery.Error{Kind: delivery.ShapeFailed, Message: fmt.Sprintf(
			"no data in source secret; what is in the store under %q stays as it is", dest.Key)}
	}
	changed, err := r.job.Stores.Write(ctx, dest.Store, dest.Key, data)
	if err != nil {
		// A write that was not answered may have been done.
		if kind := backend.KindOf(err); kind != backend.Unavailable && kind != backend.Throttled {
			r.giveBack(ctx)
		}
		return fetch.Failure(&delivery.Source{Field: "destination", Store: dest.Store, Remote: delivery.Remote{Key: dest.Key}}, err)
	}
	r.out.Destination.Places = 1
	if changed {
		r.out.Destination.Written, r.out.Destination.Change = 1, delivery.Updated
	}
	if !r.forsaken.IsZero() && r.forsaken.ID != r.out.Lease.Held.ID {
		_ = r.job.Stores.Revoke(ctx, r.job.Plan.Sources[0].Store, r.forsaken.ID) // else it ends by itself
	}
	return nil
}

// TakeBack deletes what is not wanted any longer of an object that is no more.
func (e *Engine) TakeBack(ctx context.Context, job Job) delivery.Outcome {
	r := &run{Engine: e, job: job, out: delivery.Outcome{Result: delivery.Deleted, At: e.Now()}}
	if err := r.takeBack(ctx); err != nil {
		r.out.Result = delivery.Failed
		errors.As(err, &r.out.Err)
	}
	return r.out
}
