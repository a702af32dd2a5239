package mirrors

import (
	"time"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// recordLease brings status.vaultSource to what the object holds now, and
// returns what is worth telling. A record goes only when its lease is known to
// be gone, or when a success shows that nothing is held any more: a failed run
// may not have got so far as to know.
//
// New credentials are told when the run is over, not already when their lease
// is recorded (delivery.Waiting): once. What a record was overwritten with is
// told at once, for it is the last chance.
func recordLease(sm *v1alpha2.SecretMirror, out *delivery.Outcome, now time.Time) []dialect.Event {
	old := sm.Status.VaultSource
	if !out.Lease.Held.IsZero() {
		return keepLease(sm, out, now)
	}
	if old == nil || old.LeaseID == "" {
		return nil
	}
	switch {
	case out.Lease.Change == delivery.LeaseRevoked:
		sm.Status.VaultSource = nil
		return []dialect.Event{revokedEvent(old.LeaseID)}
	case out.Lease.Change == delivery.LeaseLeft, !dialect.Silent(*out) && out.Result != delivery.Failed:
		sm.Status.VaultSource = nil
		return []dialect.Event{leftEvent(old, true)}
	}
	return nil
}

func keepLease(sm *v1alpha2.SecretMirror, out *delivery.Outcome, now time.Time) []dialect.Event {
	var events []dialect.Event
	var kept v1alpha2.VaultSourceStatus
	if sm.Status.VaultSource != nil {
		kept = *sm.Status.VaultSource
	}
	from, lease := sm.Spec.Source.Vault, out.Lease.Held
	over := out.Result != delivery.Waiting
	issued := kept.LeaseID != lease.ID
	if over && (issued || out.Lease.Change == delivery.LeaseIssued) {
		events = append(events, issuedEvent(lease.ID))
	} else if over && out.Lease.Change == delivery.LeaseRenewed {
		events = append(events, renewedEvent())
	}
	if issued {
		if other := !recordedFrom(&kept, from); kept.LeaseID != "" && (other || now.Before(endOf(&kept))) {
			events = append(events, leftEvent(&kept, other))
		}
		kept = v1alpha2.VaultSourceStatus{LeaseID: lease.ID}
	}
	if from != nil && (issued || kept.Path == "" && recordedFrom(&kept, from)) {
		kept.Addr, kept.Path = from.Addr, from.Path
	}
	kept.LeaseDuration = int64(lease.Duration / time.Second)
	kept.Renewable = &lease.Renewable
	switch {
	case !lease.Renewed.IsZero():
		kept.RenewedAt = stamp(lease.Renewed)
	case kept.RenewedAt == "", out.Lease.Change == delivery.LeaseRenewed:
		kept.RenewedAt = stamp(now)
	}
	sm.Status.VaultSource = &kept
	return events
}

// endOf is when a lease ends that nobody renews; zero if that is not known.
func endOf(rec *v1alpha2.VaultSourceStatus) time.Time {
	from := parse(rec.RenewedAt)
	if from.IsZero() || rec.LeaseDuration <= 0 {
		return time.Time{}
	}
	return from.Add(seconds(rec.LeaseDuration))
}
