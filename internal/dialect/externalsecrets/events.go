package externalsecrets

import (
	"fmt"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons of events; all but adopted are the original's.
const (
	reasonCreated      = "Created"
	reasonUpdated      = "Updated"
	reasonDeleted      = "Deleted"
	reasonAdopted      = "Adopted"
	reasonUpdateFailed = "UpdateFailed"
	reasonMissing      = "MissingProviderSecret"
)

// changeEvents tell what was done to the Secret; nothing if nothing was.
func changeEvents(out delivery.Outcome) []dialect.Event {
	var events []dialect.Event
	switch out.Destination.Change {
	case delivery.NoChange:
		return nil
	case delivery.Created:
		events = append(events, dialect.Event{Reason: reasonCreated, Message: "secret created"})
	case delivery.Updated:
		events = append(events, dialect.Event{Reason: reasonUpdated, Message: "secret updated"})
	case delivery.Adopted:
		events = append(events, adoptedEvent(out.Destination.Bound.Name))
	case delivery.Removed:
		events = append(events, dialect.Event{Reason: reasonDeleted, Message: msgDeleted})
	}
	for _, field := range out.Sources.Skipped {
		events = append(events, skippedEvent(field))
	}
	return events
}

func adoptedEvent(name string) dialect.Event {
	return dialect.Event{
		Reason:  reasonAdopted,
		Message: fmt.Sprintf("secret %s existed without a controller and is owned by this ExternalSecret from now on", name),
	}
}

func skippedEvent(field string) dialect.Event {
	return dialect.Event{Reason: reasonMissing, Message: "secret does not exist at provider using " + field}
}

// failureEvent carries the cause, as the original's does.
func failureEvent(reason string, err *delivery.Error) dialect.Event {
	return dialect.Event{Warning: true, Reason: reason, Message: dialect.Cut(err.Message, dialect.MaxEventMessage)}
}
