// Package controller is the one generic reconciler and the events that wake
// it: get the object, translate it, run the plan, report the outcome. It knows
// dialects and the engine by their interfaces alone, and they meet only here.
package controller

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/controller/rights"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// Shared is what all controllers of one cluster use.
type Shared struct {
	Cluster cluster.Cluster
	Engine  *engine.Engine
	// Served are the kinds; each controller adds its own.
	Served *Served
	Broker *broker.Broker
	// Secrets and ConfigMaps are their watches.
	Secrets, ConfigMaps *objects.Watch
	Events              Events
	Metrics             *Metrics
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
	// Namespaces that are served where ClusterScoped is false.
	Namespaces []string
	// Protected are namespaces that copies are made in for objects of their own
	// alone. Copies that are there already are served like all others.
	Protected []string
	// Matcher tells which namespaces rules admit.
	Matcher *spread.Matcher
	// Clusters are the other clusters that copies may go to.
	Clusters Clusters
	// Log is for what no object is told of.
	Log logr.Logger
	// LookAbroad is how often the copies there are looked at.
	LookAbroad time.Duration
	// Rights tell what can be watched.
	Rights *rights.Checker
	// Keys open sealed data; nil where none is opened.
	Keys Keys
	// Reloadable counts the workloads that restart when a Secret changes, and
	// says why one could not be. Nil where none is restarted.
	Reloadable func(namespace, name string) (n int, failure string)
	// Observe is told how each run of a plan ended, and that of an object
	// which went (Deleted), for metrics in a language's own words. It may be
	// nil, and is called concurrently.
	Observe func(plan *delivery.Delivery, out *delivery.Outcome)
	Now     func() time.Time
}

func (s *Shared) observe(plan *delivery.Delivery, out *delivery.Outcome) {
	if s.Observe != nil {
		s.Observe(plan, out)
	}
}

// Clusters are other clusters by the names of their contexts.
type Clusters interface {
	// Names are all of them as of now: who gave them may do so anew.
	Names() []string
	// Namespace is the one that a context names, else fallback.
	Namespace(cluster, fallback string) string
	// Same reports that two names are known to be of one cluster.
	Same(a, b string) bool
	// Find lists the objects of a kind there that have the labels.
	Find(ctx context.Context, cluster, kind string, with map[string]string) ([]metav1.PartialObjectMetadata, error)
}

func partial(kind string) *metav1.PartialObjectMetadata { return objects.Partial(kind) }

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

// problem makes an error of this package's own.
func problem(kind delivery.ErrorKind, message string) *delivery.Error {
	return &delivery.Error{Kind: kind, Message: message}
}

// asFailure is an error of whatever origin in a user's words.
func asFailure(err error) *delivery.Error {
	var failure *delivery.Error
	if errors.As(err, &failure) {
		return failure
	}
	return &delivery.Error{Kind: delivery.Unavailable, Message: "the operator's cache could not be read", Err: err}
}
