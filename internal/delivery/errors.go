package delivery

import (
	"errors"
	"time"
)

// Error is a failure in a user's words. It never holds a secret value.
type Error struct {
	Kind ErrorKind
	// Message names the thing, the cause and, where there is one, the way
	// out.
	Message string
	// RetryAfter is how long the other side asked us to wait; 0 if it did
	// not.
	RetryAfter time.Duration
	// Err is the cause, for errors.Is; its text is not shown.
	Err error
	// Have and Want are what differs, of kind TargetType: two Secret types. Of
	// kind TargetControlled, Have is the type that only the cluster itself acts
	// on, if that is why.
	Have, Want string
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// ErrorKind says what can be done about an Error.
type ErrorKind string

// The kinds of error, by stage.
const (
	// Of the manifest.
	Unsupported ErrorKind = "Unsupported" // asks for what is not served yet
	Invalid     ErrorKind = "Invalid"     // contradicts itself or is malformed

	// Of a store.
	StoreMissing  ErrorKind = "StoreMissing"
	StoreNotReady ErrorKind = "StoreNotReady"
	StoreDenied   ErrorKind = "StoreDenied" // its conditions shut this namespace out

	// Of reading.
	SourceMissing   ErrorKind = "SourceMissing"   // the store says that it does not exist
	PropertyMissing ErrorKind = "PropertyMissing" // the secret is there, the property is not
	Refused         ErrorKind = "Refused"         // credentials or rights
	Throttled       ErrorKind = "Throttled"
	Unavailable     ErrorKind = "Unavailable" // down, slow, sealed, cut off
	Malformed       ErrorKind = "Malformed"   // an answer that makes no sense
	// Misconfigured: the store cannot be asked like that, by its own words or
	// ours; it or its server may be mended without the manifest.
	Misconfigured ErrorKind = "Misconfigured"

	// Of restarting.
	RolloutRefused ErrorKind = "RolloutRefused" // the workload's namespace did not consent
	RolloutFailed  ErrorKind = "RolloutFailed"

	// Of shaping.
	ShapeFailed ErrorKind = "ShapeFailed"

	// Of writing.
	TargetOwned      ErrorKind = "TargetOwned"      // by another object of ours
	TargetControlled ErrorKind = "TargetControlled" // by somebody else
	TargetImmutable  ErrorKind = "TargetImmutable"
	TargetType       ErrorKind = "TargetType"    // of another type, which cannot change
	DeleteRefused    ErrorKind = "DeleteRefused" // deletion asked for without ownership
	CleanupFailed    ErrorKind = "CleanupFailed" // of a renamed target's leftovers
	Contested        ErrorKind = "Contested"     // somebody else writes it as often as we do
	WriteFailed      ErrorKind = "WriteFailed"
	Conflict         ErrorKind = "Conflict" // somebody wrote meanwhile; run again at once
)

// Reading reports that the kind is about getting data out of a store, its
// manifest included.
func (k ErrorKind) Reading() bool {
	switch k {
	case StoreMissing, StoreNotReady, StoreDenied, SourceMissing, PropertyMissing,
		Refused, Throttled, Unavailable, Malformed, Misconfigured, Unsupported, Invalid:
		return true
	}
	return false
}

// Final reports that trying again changes nothing until somebody changes the
// manifest or the target, which wakes the object.
func (k ErrorKind) Final() bool {
	switch k {
	case Unsupported, Invalid, TargetOwned, TargetControlled, TargetImmutable, TargetType, DeleteRefused, StoreDenied, RolloutRefused:
		return true
	}
	return false
}

// KindOf is the kind of the first Error in err's chain; empty if there is
// none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
