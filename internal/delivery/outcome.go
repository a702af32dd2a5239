package delivery

import "time"

// Outcome is how a run of a Delivery ended: in a word, and by the parts of the
// plan.
type Outcome struct {
	Result Result
	// Err is set if and only if Result is Failed.
	Err *Error
	// Note completes the message of a success: what the user should know
	// though all is well.
	Note string
	// At is when the values were known to be true.
	At time.Time

	Sources     SourcesOutcome
	Destination DestinationOutcome
	Lease       LeaseOutcome
	Rollout     RolloutOutcome
}

// SourcesOutcome is what became of the sources.
type SourcesOutcome struct {
	// Version of what was read, as the source counts.
	Version string
	// Skipped are the fields of the sources (Source.Field) that the store says
	// do not exist and that the deletion policy lets pass.
	Skipped []string
}

// DestinationOutcome is what became of the destination.
type DestinationOutcome struct {
	// Change is what was done to it: Removed only if nothing was written.
	Change Change
	// Removed are the places that were taken back, in no order.
	Removed []Place
	// Bound is the Secret that the object is bound to from now on.
	Bound Binding
	// Places is how many of its places hold what they should, and Written how
	// many of them this run wrote.
	Places, Written int
	// Refused are the places that could not be served, in their order; then
	// Result is Failed, though the others were.
	Refused []Refusal
}

// LeaseOutcome is what became of what a store lent.
type LeaseOutcome struct {
	// Held is what the object holds now; zero if nothing.
	Held Lease
	// Change is what this run did about it.
	Change LeaseChange
	// RenewFailed: the lease that was held could not be renewed. RenewStatus is
	// the HTTP status that the store gave for that; 0 if none.
	RenewFailed bool
	RenewStatus int
}

// RolloutOutcome is what restarted.
type RolloutOutcome struct {
	// Restarted is set if this run restarted the plan's workload.
	Restarted bool
	// Reloadable is how many workloads restart when the destination changes.
	Reloadable int
	// Failure is why one of those could not be restarted last, or why none is.
	Failure string
}

// Refusal is a place that could not be served.
type Refusal struct {
	Place

	Err *Error
}

// Result is the outcome in one word.
type Result string

// The results.
const (
	Synced   Result = "Synced"   // the destination holds what the sources say
	Retained Result = "Retained" // there is no data; the destination stays as it is
	Deleted  Result = "Deleted"  // there is no data; the destination is gone
	Missing  Result = "Missing"  // the destination is not there and is not ours to make
	Failed   Result = "Failed"   // see Err
	// Untouched: not ours to run. Nothing is written, no status either.
	Untouched Result = "Untouched"
	// Waiting: something that the plan needs is on its way, and its arrival
	// wakes the object. Nothing is written, no status either.
	Waiting Result = "Waiting"
)

// Change is what a run did to the destination.
type Change string

// The changes.
const (
	NoChange Change = ""
	Created  Change = "Created"
	Updated  Change = "Updated"
	Adopted  Change = "Adopted" // taken over from nobody, and updated
	Removed  Change = "Removed"
)

// StoreOutcome is how the validation of a Store ended.
type StoreOutcome struct {
	// Err is nil if the store is ready.
	Err *Error
	// Undecided: the backend cannot tell without reading a secret. The
	// store counts as ready.
	Undecided bool
	Note      string
}
