package externalsecrets

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons of the condition Ready.
const (
	reasonSynced      = "SecretSynced"
	reasonSyncedError = "SecretSyncedError"
	reasonGone        = "SecretDeleted"
	reasonNotThere    = "SecretMissing"
)

// The messages of the condition Ready. Those of failures are completed by
// the cause.
const (
	msgSynced   = "secret synced"
	msgRetained = "secret retained due to DeletionPolicy=Retain"
	msgDeleted  = "secret deleted due to DeletionPolicy=Delete"
	msgMissing  = "secret will not be created due to CreationPolicy=Merge"

	msgRead      = "could not get secret data from provider"
	msgUpdate    = "could not update secret"
	msgImmutable = "could not update secret, target is immutable"
	msgOwned     = "target is owned by another ExternalSecret"
	msgOwnership = "failed to take ownership of target secret"
	msgDelete    = "could not delete secret"
	msgCleanup   = "could not delete orphaned secrets"
)

// State implements dialect.Deliveries. A status about an earlier generation
// says nothing about this one.
func (externalSecrets) State(obj client.Object) dialect.State {
	es, ok := obj.(*esv1.ExternalSecret)
	if !ok {
		return dialect.State{}
	}
	ready := dialect.FindCondition(es.Status.Conditions, readyCondition, shown)
	if ready == nil || ready.ObservedGeneration != 0 && ready.ObservedGeneration != es.Generation {
		return dialect.State{}
	}
	s := dialect.State{Known: true, Ready: ready.Status == corev1.ConditionTrue}
	if es.Status.RefreshTime != nil {
		s.At = es.Status.RefreshTime.Time
	}
	if s.Message = ready.Message; s.Message == msgSynced {
		s.Message = ""
	}
	return s
}

// Report implements dialect.Deliveries.
func (externalSecrets) Report(obj client.Object, out delivery.Outcome, now time.Time) []dialect.Event {
	es, ok := obj.(*esv1.ExternalSecret)
	if !ok {
		return nil
	}
	ready := readyOf(out)
	ready.ObservedGeneration, ready.LastTransitionTime = es.Generation, dialect.Stamp(now)
	changed := dialect.SetCondition(&es.Status.Conditions, ready, shown)
	es.Status.ObservedGeneration = es.Generation

	events := changeEvents(out)
	if out.Result == delivery.Failed {
		// A failure may not know the Secret; what was bound stays so.
		if out.Destination.Bound.Name != "" {
			bind(es, out.Destination.Bound)
		}
		if changed {
			events = append(events, failureEvent(reasonUpdateFailed, out.Err))
		}
		return events
	}
	bind(es, out.Destination.Bound)
	refreshed(es, dialect.Succeeded(out, now))
	return events
}

func readyOf(out delivery.Outcome) esv1.Condition {
	c := esv1.Condition{Type: readyCondition, Status: status(out.Result != delivery.Failed)}
	switch out.Result {
	case delivery.Failed:
		c.Reason, c.Message = reasonSyncedError, failure(out.Err.Kind)+": "+out.Err.Message
		return c
	case delivery.Retained:
		c.Reason, c.Message = reasonSynced, msgRetained
	case delivery.Deleted:
		c.Reason, c.Message = reasonGone, msgDeleted
	case delivery.Missing:
		c.Reason, c.Message = reasonNotThere, msgMissing
	default:
		c.Reason, c.Message = reasonSynced, msgSynced
	}
	c.Message = noted(c.Message, out.Note)
	return c
}

// failure is the original's message for a kind of error.
func failure(kind delivery.ErrorKind) string {
	switch {
	case kind.Reading():
		return msgRead
	case kind == delivery.TargetImmutable:
		return msgImmutable
	case kind == delivery.TargetOwned:
		return msgOwned
	case kind == delivery.TargetControlled:
		return msgOwnership
	case kind == delivery.DeleteRefused:
		return msgDelete
	case kind == delivery.CleanupFailed:
		return msgCleanup
	default:
		return msgUpdate
	}
}

func noted(message, note string) string {
	if note == "" {
		return message
	}
	return message + "; " + note
}

func bind(es *esv1.ExternalSecret, to delivery.Binding) {
	if to.Name == "" {
		es.Status.Binding = nil
		return
	}
	es.Status.Binding = &esv1.Binding{Name: to.Name, ResourceVersion: to.Version}
}

// refreshed notes a success: when, and of which manifest.
func refreshed(es *esv1.ExternalSecret, at time.Time) {
	t := dialect.Stamp(at)
	es.Status.RefreshTime = &t
	es.Status.SyncedResourceVersion = fingerprint(es)
}
