package mirrors

import (
	"strconv"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const (
	defaultPoll = 180 * time.Second
	// maxPoll is a hundred years: more overflows when it is added to a time.
	maxPoll = 100 * 365 * 24 * time.Hour
)

// schedule says when the object runs by itself. A Secret that is the source is
// watched; Vault, on either side, is asked again and again: nothing else tells
// that somebody wrote there.
func (t *translation) schedule() {
	s := delivery.Schedule{
		Policy:      delivery.Watched,
		LastRun:     lastSync(t.sm),
		Fingerprint: strconv.FormatInt(t.sm.Generation, 10),
		Failing:     t.sm.Status.MirrorStatus == statusError,
	}
	s.Current = t.sm.Status.MirrorStatus == statusActive && t.sm.Status.ObservedGeneration == t.sm.Generation
	poll := t.poll()
	if fromVault(t.sm) || intoVault(t.sm) {
		s.Policy, s.Interval = delivery.Periodic, poll
	}
	if fromVault(t.sm) {
		// Early enough that two renewals may fail before the lease ends.
		if third := t.plan.Leases.Held.Duration / 3; third > 0 {
			s.Interval = min(s.Interval, third)
		}
	}
	t.plan.Schedule = s
}

func (t *translation) poll() time.Duration {
	n := t.sm.Spec.PollPeriodSeconds
	switch {
	case n < 0:
		t.Invalid("spec.pollPeriodSeconds", "%d is negative; leave it out for %d", n, defaultPoll/time.Second)
		return defaultPoll
	case n == 0:
		return defaultPoll
	}
	return seconds(n)
}

// seconds is a duration from 0 to the longest that we reckon with.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxPoll/time.Second))) * time.Second
}

// held is the lease that the status records, if it is for what the manifest
// asks for now: renewing another would keep the wrong credentials. When the
// object goes, it is any.
func (t *translation) held() delivery.Lease {
	rec := t.sm.Status.VaultSource
	if rec == nil || rec.LeaseID == "" {
		return delivery.Lease{}
	}
	if t.sm.DeletionTimestamp.IsZero() && !recordedFrom(rec, t.sm.Spec.Source.Vault) {
		return delivery.Lease{}
	}
	l := delivery.Lease{
		ID:        rec.LeaseID,
		Duration:  seconds(rec.LeaseDuration),
		Renewable: rec.Renewable == nil || *rec.Renewable,
		Renewed:   parse(rec.RenewedAt),
		Until:     parse(rec.TokenEndsAt),
	}
	if l.Renewed.IsZero() {
		// The original records no more than when it last synced, at which it
		// renewed.
		l.Renewed = lastSync(t.sm)
	}
	return l
}

// recordedFrom reports that the lease is of this path of this server. Of one
// that the original recorded only its ID speaks, which begins with the path;
// a path may have the server's namespaces in front.
func recordedFrom(rec *v1alpha2.VaultSourceStatus, v *v1alpha2.VaultSpec) bool {
	if v == nil {
		return false
	}
	if rec.Path != "" {
		return rec.Path == v.Path && rec.Addr == v.Addr
	}
	end := strings.LastIndex(rec.LeaseID, "/")
	if end < 0 {
		return true
	}
	path, from := strings.Trim(v.Path, "/"), rec.LeaseID[:end]
	return path == from || strings.HasSuffix(path, "/"+from)
}

// lastSync is when the object last succeeded; zero if never.
func lastSync(sm *v1alpha2.SecretMirror) time.Time {
	if at := parse(sm.Status.LastSyncTime); at.After(time.Unix(0, 0)) {
		return at
	}
	return time.Time{}
}

// parse reads a time of a status. The schema admits some that are none: they
// count as absent.
func parse(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return at
}

// stamp is a time as a status keeps it, in whole seconds.
func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
