// Package controller is the one generic reconciler and the events that wake
// it: get the object, translate it, run the plan, report the outcome. It knows
// dialects and the engine by their interfaces alone, and they meet only here.
package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
)

// Language is a set of kinds that belong together: the stores that its
// deliveries name.
type Language struct {
	Name       string
	Stores     []dialect.Stores
	Deliveries []dialect.Deliveries
}

// Shared is what all controllers of one cluster use.
type Shared struct {
	Cluster cluster.Cluster
	Engine  *engine.Engine
	Broker  *broker.Broker
	Secrets *Secrets
	Events  Events
	Metrics *Metrics
	// Class is the store class that this operator serves beside the empty
	// one.
	Class string
	// Workers of each controller.
	Workers int
	// Recheck is how often a store is validated that does not say.
	Recheck time.Duration
	// ClusterScoped is false where the operator runs with a Role alone:
	// then it sees no namespaces and no cluster-scoped stores.
	ClusterScoped bool
	Now           func() time.Time

	mu     sync.Mutex
	served []dialect.Deliveries
}

// kinds are those whose controllers run.
func (s *Shared) kinds() []dialect.Deliveries {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.served)
}

func (s *Shared) serve(d dialect.Deliveries) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served = append(s.served, d)
}

// PartialSecret is the empty object under which Secrets are watched: their
// metadata alone.
func PartialSecret() *metav1.PartialObjectMetadata { return partial("Secret") }

func partial(kind string) *metav1.PartialObjectMetadata {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return obj
}

// Events are where events go, by their type.
type Events struct{ Normal, Warning record.EventRecorder }

// emit sends the events that a dialect made.
func (s *Shared) emit(obj client.Object, events []dialect.Event) {
	for _, e := range events {
		if e.Warning {
			s.Events.Warning.Event(obj, corev1.EventTypeWarning, e.Reason, e.Message)
		} else {
			s.Events.Normal.Event(obj, corev1.EventTypeNormal, e.Reason, e.Message)
		}
	}
}

// cacheLag is how long to wait for the watch to bring our own write. What a
// run would report is compared with the status in the cache: with an old one
// it might find nothing to write where there is.
const cacheLag = 50 * time.Millisecond

// release takes the finalizers off that the original tool put on an object
// which is being deleted. We add none: what we own is removed by the garbage
// collector.
func (s *Shared) release(ctx context.Context, obj client.Object, finalizers []string) error {
	after := obj.DeepCopyObject().(client.Object)
	var keep []string
	for _, f := range obj.GetFinalizers() {
		if !slices.Contains(finalizers, f) {
			keep = append(keep, f)
		}
	}
	if len(keep) == len(obj.GetFinalizers()) {
		return nil
	}
	after.SetFinalizers(keep)
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(s.Cluster.GetClient().Patch(ctx, after, patch))
}

// once runs a start-up step when it is first needed, and again if it failed.
type once struct {
	mu   sync.Mutex
	done bool
}

func (o *once) do(f func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return nil
	}
	err := f()
	o.done = err == nil
	return err
}

// problem makes an error of this package's own.
func problem(kind delivery.ErrorKind, message string) *delivery.Error {
	return &delivery.Error{Kind: kind, Message: message}
}
