// Package dialect is the interface of manifest languages.
//
// A dialect translates both ways and executes nothing: an object in, a plan
// out; an outcome in, that language's own status and events out. A new
// language is a new folder here and one line in internal/operator.
package dialect

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Language is a set of kinds that belong together: the stores that its
// deliveries name.
type Language struct {
	Name       string
	Stores     []Stores
	Deliveries []Deliveries
	// Workers is how many objects of a kind run at once; 0 is the operator's
	// default. One that writes many places keeps many requests under way by
	// itself.
	Workers int
}

// Deliveries is a kind of object that becomes a Delivery.
type Deliveries interface {
	// Kind is the kind that is watched.
	Kind() Kind
	// Translate turns the object into its plan. It is pure and cheap: it is
	// called for indexes too. The error, a *delivery.Error of kind
	// Unsupported or Invalid, names the field. The plan returned beside an
	// error holds what could be understood: at least Object.
	Translate(obj client.Object) (delivery.Delivery, error)
	// State reads what Report wrote last.
	State(obj client.Object) State
	// Report writes the outcome into obj's status, in the language's own
	// terms, and returns the events to emit. It is told what is news: no
	// outcome that is Untouched or Waiting, and no Conflict. obj is a copy
	// that may be changed; a status that comes out unchanged is not written.
	Report(obj client.Object, out delivery.Outcome, now time.Time) []Event
}

// Marked is implemented by the languages whose targets are known by
// delivery.Marks, not by an owner reference.
type Marked interface {
	// OwnerOf names the object whose target the Secret or ConfigMap is, by
	// what is written on it; ok is false if it is nobody's in this language.
	OwnerOf(meta *metav1.ObjectMeta) (owner types.NamespacedName, ok bool)
}

// Lender is implemented by the languages whose plans may have Leases.
type Lender interface {
	// RecordLease writes what a store has just lent into obj's status, before
	// anybody sees it, and returns the events that must not wait for Report:
	// the new lease itself is told there, once. obj is a copy that may be
	// changed.
	RecordLease(obj client.Object, held delivery.Lease, now time.Time) []Event
}

// Abroad is implemented by the languages, all of them Marked, that make copies
// in other clusters.
type Abroad interface {
	// AbroadLabels are what all of this cluster's copies there have; empty if
	// there can be none.
	AbroadLabels() map[string]string
}

// Stores is a kind of object that describes a store.
type Stores interface {
	// Kind is the kind that is watched.
	Kind() Kind
	// Translate turns the object into a Store. The error is as for
	// Deliveries.
	Translate(obj client.Object) (delivery.Store, error)
	// State reads what Report wrote last.
	State(obj client.Object) State
	// Report is as for Deliveries.
	Report(obj client.Object, out delivery.StoreOutcome, now time.Time) []Event
}

// State is what an object's status says.
type State struct {
	// Known is false until it was reported once.
	Known bool
	Ready bool
	// Message is the reason why it is not ready, or a note if it is.
	Message string
	// At is when it last succeeded, Restarted when its workload was last
	// restarted; zero if never or not told.
	At, Restarted time.Time
}

// Kind describes a kind of object.
type Kind struct {
	GVK schema.GroupVersionKind
	// Namespaced is false for cluster-scoped kinds.
	Namespaced bool
	// New makes an empty object of the kind, NewList an empty list.
	New     func() client.Object
	NewList func() client.ObjectList
	// Finalizers are those that the original tool put on its objects and
	// that we take off when they are deleted, without ever adding them.
	Finalizers []string
	// Annotated: the objects are the cluster's Secrets or ConfigMaps (GVK says
	// which), seen as *metav1.PartialObjectMetadata with the Kept labels and
	// annotations alone. They have no status: Report only returns events. A
	// plan without a Destination.Name says that the object asks for nothing.
	Annotated bool
	// Kept are the label and annotation keys of Secrets and ConfigMaps that the
	// language looks at; one that ends in "/" stands for all with the prefix.
	Kept []string
	// Whole: the kind has no status subresource; Report may change all of the
	// object but its metadata.
	Whole bool
}

// Event is an event of the language, about the object itself.
type Event struct {
	Warning bool
	Reason  string
	Message string
}
