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
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// Annotations of Tacit's own on a workload.
const (
	// Recorded holds what the workload runs with, see Record.
	Recorded = "tacit.dev/rolled-out"
	// Switch stops restarts of a workload while it says Paused.
	Switch = "tacit.dev/rollouts"
	Paused = "paused"
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

// The events.
const (
	reasonReloaded  = "Reloaded"
	reasonFailed    = "ReloadFail"
	reasonWaiting   = "ReloadWaiting"
	reasonContested = "ReloadContested"
)

// Tell writes an event on the workload that it was restarted for these causes.
// Its next restart has to wait a little.
func (r *Runner) Tell(w delivery.Workload, uid string, causes []string) {
	r.Limit.restarted(w, r.Now())
	r.Metrics.count(w.Kind, restarted)
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonReloaded, "Changes detected in "+some(causes)+"; restarted")
}

// TellFailure writes an event on the workload that it could not be restarted.
func (r *Runner) TellFailure(w delivery.Workload, uid, message string) {
	r.Metrics.count(w.Kind, failed)
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonFailed, message)
}

// TellInvalid writes an event on the workload about what is wrong with its
// annotations.
func (r *Runner) TellInvalid(w delivery.Workload, uid, message string) {
	r.event(r.Warnings, corev1.EventTypeWarning, w, uid, reasonFailed, message)
}

// TellWaiting writes an event on the workload that its restart has to wait.
func (r *Runner) TellWaiting(w delivery.Workload, uid string, causes []string, wait time.Duration) {
	r.event(r.News, corev1.EventTypeNormal, w, uid, reasonWaiting,
		"Changes detected in "+some(causes)+"; "+r.Limit.waiting(w, r.Now(), wait))
}

func (r *Runner) event(to Recorder, kind string, w delivery.Workload, uid, reason, message string) {
	if to == nil {
		return
	}
	gvk, _ := KindOf(w.Kind)
	ref := &corev1.ObjectReference{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
	ref.APIVersion = gvk.GroupVersion().String()
	ref.UID = uidOf(uid)
	to.Event(ref, kind, reason, message)
}

// some names the first causes, for an event holds 1024 bytes.
func some(causes []string) string {
	const most = 3
	if len(causes) <= most {
		return strings.Join(causes, ", ")
	}
	return strings.Join(causes[:most], ", ") + " and others"
}

// live returns the workload as it is in the cluster, in its plainest form.
func (r *Runner) live(ctx context.Context, w delivery.Workload, obj client.Object) error {
	return r.Reader.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: w.Name}, obj)
}
