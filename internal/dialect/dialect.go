// Package dialect is the interface of manifest languages.
//
// A dialect translates both ways and executes nothing: an object in, a plan
// out; an outcome in, that language's own status and events out. A new
// language is a new folder here and one line in internal/operator.
package dialect

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Deliveries is a kind of object that becomes a Delivery.
type Deliveries interface {
	// Kind is the kind that is watched.
	Kind() Kind
	// Translate turns the object into its plan. It is pure and cheap: it is
	// called for indexes too. The error, a *delivery.Error of kind
	// Unsupported or Invalid, names the field. The plan returned beside an
	// error holds what could be understood: at least Object.
	Translate(obj client.Object) (delivery.Delivery, error)
	// Report writes the outcome into obj's status, in the language's own
	// terms, and returns the events to emit. obj is a copy that may be
	// changed; a status that comes out unchanged is not written.
	Report(obj client.Object, out delivery.Outcome, now time.Time) []Event
}

// Stores is a kind of object that describes a store.
type Stores interface {
	// Kind is the kind that is watched.
	Kind() Kind
	// Translate turns the object into a Store. The error is as for
	// Deliveries.
	Translate(obj client.Object) (delivery.Store, error)
	// State reads what Report wrote last.
	State(obj client.Object) StoreState
	// Report is as for Deliveries.
	Report(obj client.Object, out delivery.StoreOutcome, now time.Time) []Event
}

// StoreState is what a store object's status says.
type StoreState struct {
	// Known is false until the store was validated once.
	Known bool
	Ready bool
	// Message is the reason why it is not ready.
	Message string
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
}

// Event is an event of the language, about the object itself.
type Event struct {
	Warning bool
	Reason  string
	Message string
}
