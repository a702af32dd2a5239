// Package delivery is the plan that every manifest becomes, and the outcome
// of running it: plain data, no I/O, no Kubernetes client, no backend.
//
// A dialect makes a Delivery of an object, the engine runs it and answers
// with an Outcome, and the dialect turns that into the object's own status.
package delivery

import (
	"slices"
	"time"
)

// Delivery is one object's whole road: what to read, how to shape it, where
// to put it, and when to look again.
type Delivery struct {
	// Object is the manifest that this plan was made of.
	Object Object
	// Sources are read in order; later ones win where keys collide.
	Sources []Source
	// Inline are stores that the manifest itself describes. Sources and
	// Destination name them by their Ref like any other.
	Inline []Store
	// Leases is set by languages that keep what a store issued for a time:
	// the same credentials are renewed, not replaced.
	Leases *Leases
	Shape  Shape
	// Destination is where the result goes.
	Destination Destination
	// Rollout restarts a workload when what was read has another version.
	Rollout  *Rollout
	Schedule Schedule
	// Finalizer is put on the object before anything is made that the garbage
	// collector would leave behind; when the object goes, that is taken back
	// first. Empty: nothing is.
	Finalizer string
	// Warnings are worth telling the user though the plan can run.
	Warnings []string
}

// Stores lists the distinct stores that the plan reads and writes, in order of
// use.
func (d *Delivery) Stores() []StoreRef {
	var refs []StoreRef
	add := func(ref StoreRef) {
		if ref != (StoreRef{}) && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for i := range d.Sources {
		add(d.Sources[i].Store)
	}
	add(d.Destination.Store)
	return refs
}

// Objects lists the objects of the cluster that the plan reads as sources.
func (d *Delivery) Objects() []ObjectRef {
	var refs []ObjectRef
	for i := range d.Sources {
		if d.Sources[i].Take == TakeObject {
			refs = append(refs, d.Sources[i].Object)
		}
	}
	return refs
}

// Object identifies a manifest, at one generation.
type Object struct {
	APIVersion, Kind, Namespace, Name, UID string
	Generation                             int64
}

// String is Kind namespace/name.
func (o Object) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// ObjectRef names a Secret or ConfigMap of the cluster.
type ObjectRef struct {
	Kind            string // Secret or ConfigMap
	Namespace, Name string
}

// String is Kind namespace/name.
func (o ObjectRef) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// Schedule says when a plan runs again by itself. Events run it at any time.
type Schedule struct {
	Policy RefreshPolicy
	// Interval between refreshes under Periodic; 0 or less: never again
	// once it has run.
	Interval time.Duration
	// LastRun is when the object's status says that it last succeeded;
	// zero if never.
	LastRun time.Time
	// Fingerprint changes with everything of the manifest that a run depends
	// on.
	Fingerprint string
	// Current reports that the status speaks of the manifest as it is now,
	// so that without anything new there is nothing to do before the next
	// refresh.
	Current bool
	// Failing reports that the status says so: run again rather than wait
	// for the next refresh.
	Failing bool
}

// RefreshPolicy is when values are read again.
type RefreshPolicy string

// The refresh policies.
const (
	Periodic    RefreshPolicy = "Periodic"    // every Interval
	OnChange    RefreshPolicy = "OnChange"    // when the manifest changes
	CreatedOnce RefreshPolicy = "CreatedOnce" // until it has succeeded once
	// Watched: when the manifest or one of the objects that it reads changes,
	// and once after a start.
	Watched RefreshPolicy = "Watched"
)
