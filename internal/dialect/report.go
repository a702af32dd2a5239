package dialect

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

const (
	// MaxMessage bounds the message of a condition.
	MaxMessage = 4096
	// MaxEventMessage is the longest message that the API server takes of an
	// event.
	MaxEventMessage = 1024
)

// Succeeded is when a run that ends now last had proof of its success.
func Succeeded(out delivery.Outcome, now time.Time) time.Time {
	if out.At.IsZero() {
		return now
	}
	return out.At
}

// Stamp is a time as the API keeps it, in whole seconds, so that what is
// written and read back compares equal.
func Stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
