package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// kinds maps what a backend says to what a plan's outcome says.
var kinds = map[backend.Kind]delivery.ErrorKind{
	backend.NotFound:      delivery.SourceMissing,
	backend.Refused:       delivery.Refused,
	backend.Throttled:     delivery.Throttled,
	backend.Unavailable:   delivery.Unavailable,
	backend.Malformed:     delivery.Malformed,
	backend.Misconfigured: delivery.Misconfigured,
	backend.Unsupported:   delivery.Unsupported,
}

// OutcomeKind is what an outcome says where a backend says kind; Unavailable if
// nobody thought of that.
func OutcomeKind(kind backend.Kind) delivery.ErrorKind {
	if out, ok := kinds[kind]; ok {
		return out
	}
	return delivery.Unavailable
}

// Failure is the error of a source, or of a place in a store, that failed.
func Failure(src *delivery.Source, err error) *delivery.Error {
	// A read fails whole: a property has nothing to do with it.
	whole := *src
	whole.Remote.Property = ""
	at := where(&whole)
	var one *inFound
	if errors.As(err, &one) {
		at += fmt.Sprintf(", key %q", one.key)
	}

	out := &delivery.Error{Kind: delivery.Unavailable, Err: err}
	var ours *delivery.Error
	var theirs *backend.Error
	switch {
	case errors.As(err, &ours):
		// The store itself is the trouble, and the message names it.
		out.Kind, out.RetryAfter = ours.Kind, ours.RetryAfter
		out.Message = src.Field + ": " + ours.Message
		return out
	case errors.As(err, &theirs):
		out.Kind, out.RetryAfter = OutcomeKind(theirs.Kind), theirs.RetryAfter
		out.Message = at + ": " + theirs.Message
	case errors.Is(err, context.DeadlineExceeded):
		out.Message = at + ": no answer in time"
	case errors.Is(err, context.Canceled):
		out.Message = at + ": interrupted"
	default:
		// Nobody vouches that this text holds no value.
		out.Message = at + ": failed for a reason that cannot be shown"
		out.Err = nil
	}
	return out
}
