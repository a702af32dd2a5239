package backend

import (
	"errors"
	"time"
)

// Kind is what went wrong, so far as it decides what happens next.
type Kind string

// The kinds of error.
const (
	// NotFound: the store says that the secret does not exist. Not retried.
	NotFound Kind = "not found"
	// Refused: the credentials or the rights do not suffice. Not retried
	// until a credential changes or a while has passed.
	Refused Kind = "refused"
	// Throttled: too many calls; see RetryAfter. Retried later.
	Throttled Kind = "throttled"
	// Unavailable: down, slow, sealed, cut off. Retried.
	Unavailable Kind = "unavailable"
	// Malformed: an answer that makes no sense. Retried.
	Malformed Kind = "malformed"
	// Misconfigured: the store object is wrong. Retried when it changes.
	Misconfigured Kind = "misconfigured"
	// Unsupported: the store cannot do that. Not retried.
	Unsupported Kind = "unsupported"
)

// ErrUndecided is what Check returns if the store offers no way to tell
// whether the session works.
var ErrUndecided = errors.New("cannot be told without reading a secret")

// ErrNoKey is the cause where Credentials cannot resolve a credential because
// the Secret or ConfigMap is there, without its key.
var ErrNoKey = errors.New("no such key")

// Error is a failed call.
type Error struct {
	Kind Kind
	// Message is for the user: what was asked, and the store's own words
	// (its error messages, never other parts of a body).
	Message string
	// RetryAfter is what the store asked for; 0 if it did not.
	RetryAfter time.Duration
	// LoggedOut reports that the session itself was refused (token expired
	// or revoked), not this one call: logging in again may mend it.
	LoggedOut bool
	// Status is the HTTP status that the store answered with; 0 if it gave none.
	Status int
	// Err is the cause, for errors.Is; its text is not shown.
	Err error
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, Unavailable if there
// is none: what nobody classified may pass.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unavailable
}

// StatusOf is the HTTP status of the first Error in err's chain; 0 if there is
// none.
func StatusOf(err error) int {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Status
	}
	return 0
}
