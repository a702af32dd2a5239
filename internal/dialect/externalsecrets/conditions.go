package externalsecrets

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// readyCondition is the type of the one condition that we write.
const readyCondition = "Ready"

// shown are a condition's parts.
func shown(c *esv1.Condition) dialect.Condition[metav1.Time] {
	return dialect.Condition[metav1.Time]{
		Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: &c.Message, Since: &c.LastTransitionTime,
	}
}

func status(ok bool) corev1.ConditionStatus {
	if ok {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
