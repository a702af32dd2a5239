package sealedsecrets

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// syncedCondition is the type of the one condition.
const syncedCondition = "Synced"

const (
	statusTrue  = "True"
	statusFalse = "False"
)

// shown are a condition's parts.
func shown(c *v1alpha1.Condition) dialect.Condition[string] {
	return dialect.Condition[string]{
		Type: c.Type, Status: c.Status, Reason: c.Reason, Message: &c.Message, Since: &c.LastTransitionTime,
	}
}

// State implements dialect.Deliveries. A status about an earlier generation
// says nothing about this one.
func (sealedSecrets) State(obj client.Object) dialect.State {
	ss, ok := obj.(*v1alpha1.SealedSecret)
	if !ok {
		return dialect.State{}
	}
	c := dialect.FindCondition(ss.Status.Conditions, syncedCondition, shown)
	if c == nil || ss.Status.ObservedGeneration != ss.Generation {
		return dialect.State{}
	}
	s := dialect.State{Known: true, Ready: c.Status == statusTrue, Message: c.Message}
	if at, err := time.Parse(time.RFC3339, c.LastUpdateTime); err == nil && s.Ready {
		s.At = at
	}
	return s
}

// Report implements dialect.Deliveries. Without news the status stays as it is,
// to the second.
func (sealedSecrets) Report(obj client.Object, out delivery.Outcome, now time.Time) []dialect.Event {
	ss, ok := obj.(*v1alpha1.SealedSecret)
	if !ok {
		return nil
	}
	if out.Result == delivery.Failed {
		f := failureOf(ss.Namespace, out.Err)
		if set(ss, statusFalse, f.message, false, now) {
			return []dialect.Event{f.event()}
		}
		return nil
	}
	was := dialect.FindCondition(ss.Status.Conditions, syncedCondition, shown)
	flipped := was == nil || was.Status != statusTrue
	wrote := out.Destination.Change != delivery.NoChange
	// The plan's warnings are in the note.
	set(ss, statusTrue, out.Note, wrote, now)
	ss.Status.SealedFor = out.Sources.Version
	var events []dialect.Event
	if out.Destination.Change == delivery.Adopted {
		events = append(events, adoptedEvent(ss.Name))
	}
	if flipped || wrote {
		events = append(events, unsealedEvent())
	}
	return events
}

// set writes the condition about the object as it is now, and reports whether
// it says anything new.
func set(ss *v1alpha1.SealedSecret, status, message string, wrote bool, now time.Time) bool {
	st := &ss.Status
	at := now.UTC().Format(time.RFC3339)
	before := dialect.FindCondition(st.Conditions, syncedCondition, shown)
	updated := ""
	if before != nil {
		updated = before.LastUpdateTime
	}
	changed := dialect.SetCondition(&st.Conditions, v1alpha1.Condition{
		Type: syncedCondition, Status: status, Message: message, LastUpdateTime: at, LastTransitionTime: at,
	}, shown)
	if news := changed || wrote || updated == "" || st.ObservedGeneration != ss.Generation; !news {
		dialect.FindCondition(st.Conditions, syncedCondition, shown).LastUpdateTime = updated
	}
	st.ObservedGeneration = ss.Generation
	return changed
}
