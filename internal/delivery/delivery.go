// Package delivery is the plan that every manifest becomes, and the outcome
// of running it: plain data, no I/O, no Kubernetes client, no backend.
//
// A dialect makes a Delivery of an object, the engine runs it and answers
// with an Outcome, and the dialect turns that into the object's own status.
package delivery

import "time"

// Delivery is one object's whole road: what to read, how to shape it, where
// to put it, and when to look again.
type Delivery struct {
	// Object is the manifest that this plan was made of.
	Object Object
	// Sources are read in order; later ones win where keys collide.
	Sources []Source
	Shape   Shape
	// Destination is where the result goes.
	Destination Destination
	Schedule    Schedule
	// Warnings are worth telling the user though the plan can run.
	Warnings []string
}

// Stores lists the distinct stores that the plan reads, in order of use.
func (d *Delivery) Stores() []StoreRef {
	var refs []StoreRef
	seen := map[StoreRef]bool{}
	for i := range d.Sources {
		if ref := d.Sources[i].Store; !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
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
)
