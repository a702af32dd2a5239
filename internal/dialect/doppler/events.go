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

// changeEvents tell what was done to the Secret; nothing if nothing was.
func changeEvents(change delivery.Change, secret string) []dialect.Event {
	e := dialect.Event{Reason: reasonSynced}
	switch change {
	case delivery.NoChange:
		return nil
	case delivery.Created:
		e.Message = fmt.Sprintf("Secret %s created", secret)
	case delivery.Updated:
		e.Message = fmt.Sprintf("Secret %s updated", secret)
	case delivery.Adopted:
		e.Reason, e.Message = reasonAdopted, adopted(secret)
	case delivery.Removed:
		e.Reason, e.Message = reasonDeleted, fmt.Sprintf("Secret %s deleted", secret)
	}
	return []dialect.Event{e}
}

// adopted says that a Secret was not always ours.
func adopted(secret string) string {
	return fmt.Sprintf("Secret %s was there before and was given to this DopplerSecret by its annotation %s", secret, delivery.Adopt)
}

// failureEvent carries the cause.
func failureEvent(reason, message string) dialect.Event {
	return dialect.Event{Warning: true, Reason: reason, Message: dialect.Cut(message, dialect.MaxEventMessage)}
}
