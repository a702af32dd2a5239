package doppler

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

const (
	defaultResync = 60 // seconds; the original takes 0 for it too
	// maxResync is a hundred years: more overflows when it is added to a time.
	maxResync = 100 * 365 * 24 * 60 * 60
)

func (r *reading) schedule() delivery.Schedule {
	s := delivery.Schedule{
		Policy:      delivery.Periodic,
		Interval:    r.resync(),
		Fingerprint: strconv.FormatInt(r.Generation, 10),
	}
	if at := r.Status.LastSync; at != nil {
		s.LastRun = at.Time
	}
	for _, kind := range []string{syncReady, reloadReady} {
		c := dialect.FindCondition(r.Status.Conditions, kind, shown)
		if c == nil {
			continue
		}
		if c.Status == metav1.ConditionFalse {
			s.Failing = true
		}
		if kind == syncReady {
			// The original tells neither the generation nor the time.
			s.Current = c.Status == metav1.ConditionTrue && c.ObservedGeneration == r.Generation && !s.LastRun.IsZero()
		}
	}
	return s
}

func (r *reading) resync() time.Duration {
	n := int64(defaultResync)
	if given := r.Spec.ResyncSeconds; given != nil && *given != 0 {
		n = *given
	}
	if n < 0 || n > maxResync {
		r.Invalid("spec.resyncSeconds", "%d is not between 1 and %d; remove it to get %d", n, maxResync, defaultResync)
		n = defaultResync
	}
	return time.Duration(n) * time.Second
}
