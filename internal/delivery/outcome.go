package delivery

import "time"

// Outcome is how a run of a Delivery ended.
type Outcome struct {
	Result Result
	// Change is what was done to the destination.
	Change Change
	// Note completes the message of a success: what the user should know
	// though all is well.
	Note string
	// Skipped are the fields of the sources (Source.Field) that the store says
	// do not exist and that the deletion policy lets pass.
	Skipped []string
	// Err is set if and only if Result is Failed.
	Err *Error
	// Target is the Secret that the object is bound to.
	Target Binding
	// At is when the values were known to be true.
	At time.Time
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
	// Writable reports that the backend can also write.
	Writable bool
	Note     string
}
