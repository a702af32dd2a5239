package externalsecrets

import (
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// defaultRefresh is for objects that name no interval, as the original's API
// server fills it in.
const defaultRefresh = time.Hour

func schedule(p *dialect.Problems, es *esv1.ExternalSecret) delivery.Schedule {
	s := delivery.Schedule{
		Policy: choose(p, "spec.refreshPolicy", es.Spec.RefreshPolicy,
			delivery.Periodic, delivery.OnChange, delivery.CreatedOnce),
		Interval:    duration(p, "spec.refreshInterval", es.Spec.RefreshInterval, defaultRefresh),
		Fingerprint: fingerprint(es),
	}
	if es.Spec.SyncWindows != nil {
		p.Unsupported("spec.syncWindows", "refreshes at certain times only are not served yet; "+
			"remove it, or set refreshPolicy to OnChange and let a job change an annotation when it is time")
	}
	// The original keeps both or neither; one alone is no proof of a success.
	if at := es.Status.RefreshTime; at != nil && es.Status.SyncedResourceVersion != "" {
		s.LastRun = at.Time
		s.Current = es.Status.SyncedResourceVersion == s.Fingerprint && !at.IsZero()
	}
	if ready := dialect.FindCondition(es.Status.Conditions, readyCondition, shown); ready != nil {
		s.Failing = ready.Status == corev1.ConditionFalse
	}
	return s
}

// fingerprint is what status.syncedResourceVersion holds: the generation and
// a hash of the labels and annotations, any of which asks for a new run when
// it changes. It is the original's own, so that what the original has synced
// counts as synced after a move and is not read again at once.
func fingerprint(es *esv1.ExternalSecret) string {
	return fmt.Sprintf("%d-%s", es.Generation,
		hash(fmt.Sprintf("{annotations:%v labels:%v}", es.Annotations, es.Labels)))
}

func hash(s string) string {
	sum := sha3.Sum224([]byte(s))
	return hex.EncodeToString(sum[:])
}
