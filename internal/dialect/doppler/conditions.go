package doppler

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/dialect"
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
	msgFaulty  = "Deployment reconcile failed: "
	msgStopped = "Deployment reload has been stopped due to secrets sync failure"
)

// shown are a condition's parts.
func shown(c *metav1.Condition) dialect.Condition[metav1.Time] {
	return dialect.Condition[metav1.Time]{
		Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: &c.Message, Since: &c.LastTransitionTime,
	}
}

// good and bad are conditions of either status.
func good(kind, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reasonOK, Message: message}
}

func bad(kind, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
