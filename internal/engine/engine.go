// Package engine runs a Delivery: fetch, shape, deliver. Each stage is a
// package of its own below this one and fails with a *delivery.Error; this
// package is the road that joins them.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/engine/shape"
	"github.com/tacit-secrets/tacit/internal/engine/target"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// maxFetched bounds what one object may read in all. A Secret holds 1 MiB; a
// template may select from more.
const maxFetched = 8 << 20

// Engine runs plans.
type Engine struct {
	// Core reads templates out of ConfigMaps and Secrets.
	Core   corev1client.CoreV1Interface
	Writer *target.Writer
	Limits shape.Limits
	Now    func() time.Time
}

// Job is one run of one plan.
type Job struct {
	Plan *delivery.Delivery
	// Stores reads for this object, no older than it was asked.
	Stores fetch.Reader
	// Seen is the destination's metadata as last watched; nil if not there.
	Seen *metav1.PartialObjectMetadata
	// Memory is what the last run left.
	Memory target.Memory
}

// Run brings the destination to what the sources say.
func (e *Engine) Run(ctx context.Context, job Job) (delivery.Outcome, target.Memory) {
	out, mem, err := e.run(ctx, job)
	if err == nil {
		return out, mem
	}
	var failure *delivery.Error
	if !errors.As(err, &failure) {
		// Not classified by a stage: its text may hold anything.
		failure = &delivery.Error{Kind: delivery.Unavailable, Message: "interrupted", Err: err}
	}
	return delivery.Outcome{Result: delivery.Failed, Err: failure, Target: job.Plan.Destination.Bound, At: e.Now()}, job.Memory
}

func (e *Engine) run(ctx context.Context, job Job) (delivery.Outcome, target.Memory, error) {
	dest := &job.Plan.Destination
	out := delivery.Outcome{Result: delivery.Synced, Target: dest.Bound, At: e.Now()}
	data, skipped, err := fetch.Fetch(ctx, job.Stores, job.Plan.Sources, fetch.Options{
		SkipMissing: dest.Deletion != delivery.Retain, MaxBytes: maxFetched})
	if err != nil {
		return out, job.Memory, err
	}
	out.Skipped = skipped
	if len(data) == 0 && dest.Deletion != delivery.DeleteKeys {
		return e.empty(ctx, job, out)
	}
	shaped, err := shape.Render(ctx, job.Plan.Shape, data, e.template(job.Plan), e.Limits)
	if err != nil {
		return out, job.Memory, err
	}
	if dest.Creation == delivery.None {
		out.Note = "nothing is written: creationPolicy is None"
		return out, job.Memory, nil
	}
	res, err := e.Writer.Apply(ctx, dest, desired(dest, shaped), job.Seen, job.Memory)
	if err != nil {
		return out, job.Memory, err
	}
	if res.Missing {
		out.Result = delivery.Missing
		return out, target.Memory{}, nil
	}
	if err := e.leaveFormer(ctx, dest); err != nil {
		return out, res.Memory, err
	}
	out.Change = res.Change
	out.Target = delivery.Binding{Name: dest.Name, Version: res.Memory.Version}
	if res.Memory.Frozen {
		out.Note = fmt.Sprintf("Secret %s is immutable and stays as it was made; delete it to have it made anew", dest.Name)
	}
	return out, res.Memory, nil
}

// empty ends a run in which the stores hold nothing for us.
func (e *Engine) empty(ctx context.Context, job Job, out delivery.Outcome) (delivery.Outcome, target.Memory, error) {
	dest := &job.Plan.Destination
	if dest.Deletion != delivery.Delete {
		out.Result = delivery.Retained
		return out, job.Memory, nil
	}
	if dest.Creation != delivery.Owner {
		return out, job.Memory, &delivery.Error{Kind: delivery.DeleteRefused, Message: fmt.Sprintf(
			"Secret %s stays: deletionPolicy Delete needs creationPolicy Owner, and this one has %s", dest.Name, dest.Creation)}
	}
	gone, err := e.Writer.Delete(ctx, dest, dest.Name)
	if err != nil {
		return out, job.Memory, err
	}
	out.Result = delivery.Deleted
	if gone {
		out.Change = delivery.Removed
	}
	return out, target.Memory{}, nil
}

// leaveFormer deletes the Secret that the object owned under another name.
func (e *Engine) leaveFormer(ctx context.Context, dest *delivery.Destination) error {
	if dest.Creation != delivery.Owner || dest.Bound.Name == "" || dest.Bound.Name == dest.Name {
		return nil
	}
	if _, err := e.Writer.Delete(ctx, dest, dest.Bound.Name); err != nil {
		return &delivery.Error{Kind: delivery.CleanupFailed, Err: err, Message: fmt.Sprintf(
			"the former Secret %s could not be deleted", dest.Bound.Name)}
	}
	return nil
}

// desired adds the terms of the destination to what the template rendered.
func desired(dest *delivery.Destination, shaped shape.Result) target.Desired {
	join := func(parts ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, p := range parts {
			maps.Copy(all, p)
		}
		return all
	}
	return target.Desired{
		Data:        shaped.Data,
		Labels:      join(dest.Labels, shaped.Labels, dest.Marks.Labels),
		Annotations: join(dest.Annotations, shaped.Annotations),
	}
}

// template reads a template with the rights of the object's namespace.
func (e *Engine) template(plan *delivery.Delivery) shape.Lookup {
	ns := plan.Object.Namespace
	return func(ctx context.Context, kind, name, key string) (secret.Value, error) {
		var value []byte
		var there bool
		var err error
		switch kind {
		case "ConfigMap":
			cm, getErr := e.Core.ConfigMaps(ns).Get(ctx, name, metav1.GetOptions{})
			if err = getErr; err == nil {
				var text string
				text, there = cm.Data[key]
				value = []byte(text)
			}
		case "Secret":
			s, getErr := e.Core.Secrets(ns).Get(ctx, name, metav1.GetOptions{})
			if err = getErr; err == nil {
				value, there = s.Data[key]
			}
		}
		switch {
		case apierrors.IsNotFound(err):
			return secret.Value{}, shapeError(err, "%s %s with templates does not exist in namespace %s", kind, name, ns)
		case err != nil:
			return secret.Value{}, shapeError(err, "%s %s with templates could not be read", kind, name)
		case !there:
			return secret.Value{}, shapeError(nil, "%s %s has no template %q", kind, name, key)
		}
		return secret.New(value), nil
	}
}

func shapeError(err error, format string, args ...any) error {
	return &delivery.Error{Kind: delivery.ShapeFailed, Message: fmt.Sprintf(format, args...), Err: err}
}
