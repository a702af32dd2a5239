package doppler

import (
	"fmt"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons of events. The original has no events.
const (
	reasonSynced     = "SecretSynced"
	reasonAdopted    = "SecretAdopted"
	reasonDeleted    = "SecretDeleted"
	reasonSyncFailed = "SecretSyncFailed"
)

// changeEvents tell what was done to the Secret, and to one that has another
// name by now; nothing if nothing was.
func changeEvents(done *delivery.DestinationOutcome, secret string) []dialect.Event {
	var events []dialect.Event
	tell := func(reason, message string) {
		events = append(events, dialect.Event{Reason: reason, Message: message})
	}
	switch done.Change {
	case delivery.NoChange, delivery.Removed:
	case delivery.Created:
		tell(reasonSynced, fmt.Sprintf("Secret %s created", secret))
	case delivery.Updated:
		tell(reasonSynced, fmt.Sprintf("Secret %s updated", secret))
	case delivery.Adopted:
		tell(reasonAdopted, adopted(secret))
	}
	for _, p := range done.Removed {
		tell(reasonDeleted, fmt.Sprintf("Secret %s deleted", p))
	}
	return events
}

// adopted says that a Secret was not always ours.
func adopted(secret string) string {
	return fmt.Sprintf("Secret %s was there before and was given to this DopplerSecret by its annotation %s", secret, delivery.Adopt)
}

// failureEvent carries the cause.
func failureEvent(reason, message string) dialect.Event {
	return dialect.Event{Warning: true, Reason: reason, Message: dialect.Cut(message, dialect.MaxEventMessage)}
}
