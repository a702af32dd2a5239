// Package engine runs a Delivery: fetch, shape, deliver, roll out. Each stage
// is a package of its own below this one and fails with a *delivery.Error;
// this package is the road that joins them.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/shape"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Engine runs plans.
type Engine struct {
	// Core reads sources and templates out of ConfigMaps and Secrets.
	Core   corev1client.CoreV1Interface
	Writer *target.Writer
	// Rollouts restarts workloads; nil where the operator restarts none.
	Rollouts Restarter
	// Sealed opens sealed data; nil where the operator opens none.
	Sealed Unsealer
	Now    func() time.Time
}

// Stores are the stores of one object, by the rights of its namespace. They
// fail as fetch.Stores says.
type Stores interface {
	fetch.Stores
	// Write makes the secret hold data and nothing else.
	Write(ctx context.Context, store delivery.StoreRef, key string, data secret.Data) (changed bool, err error)
	// Renew extends a lease, and Revoke ends it.
	Renew(ctx context.Context, store delivery.StoreRef, lease delivery.Lease) (delivery.Lease, error)
	Revoke(ctx context.Context, store delivery.StoreRef, id string) error
}

// Restarter restarts a workload once for each version.
type Restarter interface {
	// Restart restarts w for the trigger's version, unless the workload's own
	// record says that it was. The error is a *delivery.Error.
	Restart(ctx context.Context, w delivery.Workload, trigger, version string) (restarted bool, err error)
}

// Unsealer opens sealed data with the keys of this cluster.
type Unsealer interface {
	// Unseal opens all entries, or none, and names the key that opened the last
	// of them. The error is a *delivery.Error that holds no value, or that of
	// ctx.
	Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error)
}

// Job is one run of one plan.
type Job struct {
	Plan *delivery.Delivery
	// Stores reads for this object, no older than it was asked.
	Stores Stores
	// Places are where the destination is written.
	Places []Spot
	// Intact: all of them are as the last run left them.
	Intact bool
	// Settled: the last run succeeded, for the manifest as it is.
	Settled bool
	// Unwanted are places that hold what is the object's, and should not any
	// longer.
	Unwanted []Spot
	// OwnerOf is the language's, under Marked.
	OwnerOf target.OwnerOf
	// Record writes a new lease into the object's status.
	Record func(context.Context, delivery.Lease) error
}

// Spot is one place of the destination, with what is known of it.
type Spot struct {
	delivery.Place

	// Follower: somebody else made it to have it filled.
	Follower bool
	// Seen is its metadata as last watched; nil if it is not there.
	Seen *metav1.PartialObjectMetadata
	// Memory is what the last run left.
	Memory target.Memory
}

// Run brings the destination to what the sources say, and leaves in each of the
// job's places what to remember of it.
func (e *Engine) Run(ctx context.Context, job Job) delivery.Outcome {
	r := &run{Engine: e, job: job, out: delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Bound: job.Plan.Destination.Bound}, At: e.Now()}}
	err := r.all(ctx)
	if err == nil {
		err = r.unrenewed
	}
	if err == nil {
		return r.out
	}
	failed := r.out // what was done is done
	failed.Result, failed.Note, failed.At = delivery.Failed, "", e.Now()
	if !errors.As(err, &failed.Err) {
		// Not classified by a stage: its text may hold anything.
		failed.Err = &delivery.Error{Kind: delivery.Unavailable, Message: "interrupted", Err: err}
	}
	failed.Err = labelled(job.Plan, failed.Err)
	return failed
}

// labelled names the stores that the manifest describes itself as it does.
func labelled(plan *delivery.Delivery, err *delivery.Error) *delivery.Error {
	out := *err
	for i := range plan.Inline {
		if s := &plan.Inline[i]; s.Label != "" {
			out.Message = strings.ReplaceAll(out.Message, s.Ref.String(), s.Label)
		}
	}
	return &out
}

// run is a Run under way.
type run struct {
	*Engine
	job Job
	out delivery.Outcome
	// forsaken is a lease whose credentials nobody has.
	forsaken delivery.Lease
	// unrenewed is why a lease could not be renewed that is good still.
	unrenewed error
}

func (r *run) all(ctx context.Context) error {
	plan := r.job.Plan
	dest := &plan.Destination
	got, kept, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	if kept {
		r.out.Destination.Places = len(r.job.Places)
		return r.takeBack(ctx)
	}
	if got.Object != nil && passedOver(plan.Sources, got.Object.Type) {
		r.out.Note = "Secrets of type " + got.Object.Type + " are passed over"
		return nil
	}
	r.out.Sources.Skipped, r.out.Sources.Version = got.Skipped, got.Version
	if toStore := dest.Store != (delivery.StoreRef{}); len(got.Data) == 0 && got.Object == nil && dest.Deletion != delivery.DeleteKeys && !toStore {
		return r.empty(ctx)
	}
	shaped, err := shape.Render(ctx, plan.Shape, got.Data, r.template(plan), shape.Limits{})
	if err != nil {
		return err
	}
	switch {
	case dest.Store != (delivery.StoreRef{}):
		if err = r.store(ctx, got, shaped.Data); err == nil {
			err = r.takeBack(ctx)
		}
	case dest.Creation == delivery.None && plan.Rollout == nil:
		r.out.Note = "nothing is written: creationPolicy is None"
	case dest.Creation == delivery.None:
	case dest.Spread != nil:
		err = r.spread(ctx, r.desired(got, shaped))
	default:
		err = r.single(ctx, r.desired(got, shaped))
	}
	if err != nil {
		return err
	}
	return r.restart(ctx)
}

// passedOver reports that a source wants no objects of that type.
func passedOver(sources []delivery.Source, kind string) bool {
	return slices.ContainsFunc(sources, func(s delivery.Source) bool {
		return slices.ContainsFunc(s.SkipTypes, func(prefix string) bool { return strings.HasPrefix(kind, prefix) })
	})
}

// single writes the one Secret of the destination.
func (r *run) single(ctx context.Context, want target.Desired) error {
	dest := &r.job.Plan.Destination
	res, err := r.Writer.Apply(ctx, r.job.Target(&r.job.Places[0]), want)
	if err != nil {
		return err
	}
	r.job.Places[0].Memory = res.Memory
	if res.Missing {
		r.out.Result, r.job.Places[0].Memory = delivery.Missing, target.Memory{}
		return nil
	}
	r.out.Destination.Change, r.out.Destination.Places = res.Change, 1
	if res.Change != delivery.NoChange {
		r.out.Destination.Written = 1
	}
	if err := r.dropRenamed(ctx, dest); err != nil {
		return err
	}
	r.out.Destination.Bound = delivery.Binding{Name: dest.Name, Version: res.Memory.Version}
	if res.Memory.Frozen {
		r.out.Note = fmt.Sprintf("Secret %s is immutable and stays as it was made; delete it to have it made anew", dest.Name)
	}
	return r.takeBack(ctx)
}

// empty ends a run in which the stores hold nothing for us.
func (r *run) empty(ctx context.Context) error {
	dest := &r.job.Plan.Destination
	if dest.Deletion != delivery.Delete {
		r.out.Result = delivery.Retained
		return nil
	}
	if dest.Creation == delivery.Marked && len(r.job.Plan.Objects()) > 0 {
		// Gone a moment ago: the watch brings that, and the copies go then.
		r.out.Result = delivery.Waiting
		return nil
	}
	if dest.Creation != delivery.Owner {
		return &delivery.Error{Kind: delivery.DeleteRefused, Message: fmt.Sprintf(
			"Secret %s stays: deletionPolicy Delete needs creationPolicy Owner, and this one has %s", dest.Name, dest.Creation)}
	}
	gone, err := r.Writer.Delete(ctx, r.job.Target(&r.job.Places[0]))
	if err != nil {
		return err
	}
	r.out.Result, r.job.Places[0].Memory = delivery.Deleted, target.Memory{}
	if gone {
		r.removed(r.job.Places[0].Place)
	}
	return nil
}

// dropRenamed deletes the Secret that the object owned under another name.
func (r *run) dropRenamed(ctx context.Context, dest *delivery.Destination) error {
	if dest.Creation != delivery.Owner || dest.Bound.Name == "" || dest.Bound.Name == dest.Name {
		return nil
	}
	earlier := r.job.Places[0]
	earlier.Name = dest.Bound.Name
	if _, err := r.Writer.Delete(ctx, r.job.Target(&earlier)); err != nil {
		return &delivery.Error{Kind: delivery.CleanupFailed, Err: err, Message: fmt.Sprintf(
			"the former Secret %s could not be deleted", dest.Bound.Name)}
	}
	return nil
}

// restart restarts the plan's workload if what was read is not what it was
// last restarted for.
func (r *run) restart(ctx context.Context) error {
	plan := r.job.Plan
	if plan.Rollout == nil || r.out.Sources.Version == plan.Rollout.Done {
		return nil
	}
	if r.Rollouts == nil {
		return &delivery.Error{Kind: delivery.RolloutRefused, Message: "this operator restarts no workloads: run it without --no-rollouts"}
	}
	restarted, err := r.Rollouts.Restart(ctx, plan.Rollout.Workload, plan.Object.String(), r.out.Sources.Version)
	r.out.Rollout.Restarted = restarted
	return err
}
