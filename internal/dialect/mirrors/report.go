package mirrors

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The words of status.mirrorStatus.
const (
	statusPending = "Pending"
	statusActive  = "Active"
	statusError   = "Error"
)

// readyCondition is the type of the one condition that we write.
const readyCondition = "Ready"

// State implements dialect.Deliveries. A status about an earlier generation
// says nothing about this one; the original's tells no generation.
func (secretMirrors) State(obj client.Object) dialect.State {
	sm, ok := obj.(*v1alpha2.SecretMirror)
	if !ok {
		return dialect.State{}
	}
	st := &sm.Status
	if g := st.ObservedGeneration; g != 0 && g != sm.Generation {
		return dialect.State{}
	}
	s := dialect.State{Ready: st.MirrorStatus == statusActive, At: lastSync(sm)}
	ready := dialect.FindCondition(st.Conditions, readyCondition, shown)
	// Without a condition Pending may be no more than the schema's default.
	s.Known = ready != nil || s.Ready || st.MirrorStatus == statusError
	if !s.Known {
		return dialect.State{}
	}
	if ready != nil && ready.Message != msgActive {
		s.Message = ready.Message
	}
	return s
}

// Report implements dialect.Deliveries. A lease is written down whatever came
// of the run.
func (secretMirrors) Report(obj client.Object, out delivery.Outcome, now time.Time) []dialect.Event {
	sm, ok := obj.(*v1alpha2.SecretMirror)
	if !ok {
		return nil
	}
	events := tellLease(sm, &out, now)
	v := verdictOf(sm, &out)
	was := sm.Status.MirrorStatus
	changed := set(sm, v, now)
	sm.Status.MirrorStatus = v.status
	sm.Status.ObservedGeneration = sm.Generation
	switch {
	case v.status == statusActive:
		sm.Status.LastSyncTime = stamp(dialect.Succeeded(out, now))
		if was != statusActive && out.Result != delivery.Deleted {
			events = append(events, activeEvent())
		}
		return events
	case sm.Status.LastSyncTime == "":
		sm.Status.LastSyncTime = stamp(time.Unix(0, 0))
	}
	if changed || was != v.status {
		events = append(events, failureEvent(v))
	}
	return events
}

// shown are a condition's parts.
func shown(c *v1alpha2.Condition) dialect.Condition[string] {
	return dialect.Condition[string]{
		Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: &c.Message, Since: &c.LastTransitionTime,
	}
}

// set writes the condition Ready. It reports whether the words changed.
func set(sm *v1alpha2.SecretMirror, v verdict, now time.Time) (changed bool) {
	c := v1alpha2.Condition{
		Type: readyCondition, Status: metav1.ConditionFalse, Reason: v.reason, Message: v.message,
		LastTransitionTime: stamp(now), ObservedGeneration: sm.Generation,
	}
	if v.status == statusActive {
		c.Status = metav1.ConditionTrue
	}
	return dialect.SetCondition(&sm.Status.Conditions, c, shown)
}
