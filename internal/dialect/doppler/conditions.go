package doppler

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types, reasons and messages of the conditions. Those of failures are
// completed by the cause, and the last one of success by a number.
const (
	syncReady   = markPrefix + "SecretSyncReady"
	reloadReady = markPrefix + "DeploymentReloadReady"

	reasonOK      = "OK"
	reasonError   = "Error"
	reasonStopped = "Stopped"

	msgSyncing = "Controller is continuously syncing secrets"
	msgFailed  = "Secret update failed: "
	msgReload  = "Controller is ready to reload deployments. %d found."
	msgReloads = "Deployment reconcile failed: "
	msgStopped = "Deployment reload has been stopped due to secrets sync failure"
)

// maxMessage bounds a condition's message; events allow less.
const (
	maxMessage      = 4096
	maxEventMessage = 1024
)

// find returns the condition of a type, nil if there is none.
func find(all []metav1.Condition, kind string) *metav1.Condition {
	for i := range all {
		if all[i].Type == kind {
			return &all[i]
		}
	}
	return nil
}

// set puts a condition in place of the one of its type. Its transition time
// moves only if the status flips. It reports whether anything but the
// generation changed: that is worth an event.
func set(all *[]metav1.Condition, c metav1.Condition, now time.Time) (changed bool) {
	c.Message = cut(c.Message, maxMessage)
	c.LastTransitionTime = stamp(now)
	old := find(*all, c.Type)
	if old == nil {
		*all = append(*all, c)
		return true
	}
	if old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	changed = old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message
	*old = c
	return changed
}

// stamp is a time as the API keeps it, in whole seconds, so that what is
// written and read back compares equal.
func stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

// good and bad are conditions of either status.
func good(kind, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reasonOK, Message: message}
}

func bad(kind, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
