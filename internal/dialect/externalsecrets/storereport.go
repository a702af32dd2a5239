package externalsecrets

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons and messages of a store's condition Ready.
const (
	reasonValid   = "Valid"
	reasonUnknown = "ValidationUnknown"
	reasonInvalid = "InvalidProviderConfig"

	msgValid    = "store validated"
	msgUnknown  = "could not determine validation status"
	msgClient   = "unable to create client"
	msgValidate = "unable to validate store"
)

// State implements dialect.Stores. A status about an earlier generation says
// nothing about this one.
func (d stores) State(obj client.Object) dialect.State {
	_, st := d.parts(obj)
	if st == nil {
		return dialect.State{}
	}
	ready := dialect.FindCondition(st.Conditions, readyCondition, shown)
	// The original writes no observedGeneration.
	if ready == nil || (ready.ObservedGeneration != 0 && ready.ObservedGeneration != obj.GetGeneration()) {
		return dialect.State{}
	}
	if ready.Status == corev1.ConditionTrue {
		return dialect.State{Known: true, Ready: true}
	}
	return dialect.State{Known: true, Message: ready.Message}
}

// Report implements dialect.Stores.
func (d stores) Report(obj client.Object, out delivery.StoreOutcome, now time.Time) []dialect.Event {
	spec, st := d.parts(obj)
	if st == nil {
		return nil
	}
	ready, event := verdict(out)
	ready.ObservedGeneration, ready.LastTransitionTime = obj.GetGeneration(), dialect.Stamp(now)
	changed := dialect.SetCondition(&st.Conditions, ready, shown)
	st.ObservedGeneration = obj.GetGeneration()
	if out.Err == nil {
		st.Capabilities = capabilities(&spec.Provider)
	}
	if !changed {
		return nil
	}
	return []dialect.Event{event}
}

// capabilities are what the original says of a provider, whoever asks: it is
// what people see of a store, and says nothing of what its credentials allow.
func capabilities(p *esv1.SecretStoreProvider) string {
	if p.Doppler != nil {
		return "ReadOnly"
	}
	return "ReadWrite"
}

// verdict is the condition for an outcome, and the event that goes with it.
func verdict(out delivery.StoreOutcome) (esv1.Condition, dialect.Event) {
	c := esv1.Condition{Type: readyCondition, Status: status(out.Err == nil)}
	switch {
	case out.Err != nil:
		c.Reason, c.Message = reasonInvalid, msgValidate+": "+out.Err.Message
		if k := out.Err.Kind; k == delivery.Invalid || k == delivery.Unsupported {
			c.Message = msgClient + ": " + out.Err.Message
		}
		return c, failureEvent(c.Reason, out.Err)
	case out.Undecided:
		c.Reason, c.Message = reasonUnknown, noted(msgUnknown, out.Note)
	default:
		c.Reason, c.Message = reasonValid, noted(msgValid, out.Note)
	}
	return c, dialect.Event{Warning: out.Undecided, Reason: c.Reason, Message: dialect.Cut(c.Message, dialect.MaxEventMessage)}
}
