package sealedsecrets

import (
	"fmt"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons of events; the last is not the original's.
const (
	reasonUnsealed     = "Unsealed"
	reasonUnsealFailed = "ErrUnsealFailed"
	reasonUpdateFailed = "ErrUpdateFailed"
	reasonAdopted      = "Adopted"
)

func unsealedEvent() dialect.Event {
	return dialect.Event{Reason: reasonUnsealed, Message: "SealedSecret unsealed successfully"}
}

func adoptedEvent(name string) dialect.Event {
	return dialect.Event{Reason: reasonAdopted, Message: dialect.Cut(fmt.Sprintf(
		"Secret %s was there before and was given to this SealedSecret by its annotation %s: it holds now what the SealedSecret says, and goes with it", name, managed),
		dialect.MaxEventMessage)}
}

// failure is what went wrong, in the original's words so far as it has some.
type failure struct{ reason, told, message string }

func (f failure) event() dialect.Event {
	return dialect.Event{Warning: true, Reason: f.reason, Message: dialect.Cut(f.told, dialect.MaxEventMessage)}
}

// failureOf tells failures to open from failures to write, of an object in the
// namespace.
func failureOf(namespace string, err *delivery.Error) failure {
	cause := err.Message
	if err.Kind == delivery.TargetControlled && err.Have != "" {
		cause += "; who runs the operator can allow that type with --sealed-privileged-namespace=" + namespace
	}
	if err.Kind == delivery.Refused {
		// There, only the keys refuse.
		cause = strings.Replace(cause, entriesField+": cannot be opened: ", "no key could decrypt secret: ", 1)
	}
	switch {
	case err.Kind.Reading(), err.Kind == delivery.ShapeFailed:
		return failure{reasonUnsealFailed, "Failed to unseal: " + cause, cause}
	case err.Kind == delivery.TargetControlled, err.Kind == delivery.TargetOwned:
		return failure{reasonUpdateFailed, cause, "failed update: " + cause}
	}
	return failure{reasonUpdateFailed, cause, cause}
}
