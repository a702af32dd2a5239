// Package rollout is the last stage of the road: it restarts workloads.
//
// What a workload was restarted for is recorded on the workload itself, in the
// same write that restarts it, so that nothing can come between the two: a
// crash, a restart or another leader neither repeats a rollout nor forgets
// one. A CronJob is the exception that needs two writes; there the first is
// one that cannot happen twice.
package rollout

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Runner restarts workloads for everybody who asks, under one limit. All of
// its fields but Limit, News and Warnings are required.
type Runner struct {
	// Reader reads from the API server itself, never from a cache.
	Reader client.Reader
	Writer client.Writer
	// Key keys what is written about secret data. It must outlive the
	// operator: with another key, all that was recorded counts as unknown.
	Key   secret.Key
	Limit *Limit
	// News and Warnings take the events on workloads.
	News, Warnings Recorder
	Metrics        *Metrics
	Now            func() time.Time
}

// Recorder takes events, as record.EventRecorder does.
type Recorder interface {
	Event(object runtime.Object, eventtype, reason, message string)
}

// Annotations that are written on a workload.
const (
	// Recorded holds what the workload runs with, see Record.
	Recorded = "tacit.dev/rolled-out"
	// JobMade is when a CronJob was last made a Job of. The pod templates of
	// others tell.
	JobMade = "tacit.dev/job-made"
)

// Kinds lists the kinds of workload that can be restarted.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "apps", Version: "v1", Kind: "StatefulSet"},
		{Group: "apps", Version: "v1", Kind: "DaemonSet"},
		{Group: "batch", Version: "v1", Kind: "CronJob"},
		{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
	}
}

// KindOf returns the kind by its name.
func KindOf(name string) (schema.GroupVersionKind, bool) {
	for _, gvk := range Kinds() {
		if gvk.Kind == name {
			return gvk, true
		}
	}
	return schema.GroupVersionKind{}, false
}

// manager is whose fields ours are.
const manager = client.FieldOwner("tacit")

// live returns the workload as it is in the cluster, in its plainest form.
func (r *Runner) live(ctx context.Context, w delivery.Workload, obj client.Object) error {
	return r.Reader.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: w.Name}, obj)
}
