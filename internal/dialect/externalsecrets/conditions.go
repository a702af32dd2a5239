package externalsecrets

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
)

// readyCondition is the type of the one condition that we write.
const readyCondition = "Ready"

// maxMessage bounds a condition's message; events allow less.
const (
	maxMessage      = 4096
	maxEventMessage = 1024
)

// find returns the condition of a type, nil if there is none.
func find(all []esv1.Condition, kind string) *esv1.Condition {
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
func set(all *[]esv1.Condition, c esv1.Condition, now time.Time) (changed bool) {
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

func status(ok bool) corev1.ConditionStatus {
	if ok {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
