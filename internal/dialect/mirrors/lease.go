package mirrors

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// RecordLease implements dialect.Lender.
func (secretMirrors) RecordLease(obj client.Object, held delivery.Lease, now time.Time) []dialect.Event {
	sm, ok := obj.(*v1alpha2.SecretMirror)
	if !ok {
		return nil
	}
	return record(sm, held, now)
}

// tellLease brings status.vaultSource to what the object holds after a run,
// and tells what became of it. A record goes only when its lease is known to be
// gone, or when a success shows that nothing is held any more: a failed run may
// not have got so far as to know.
func tellLease(sm *v1alpha2.SecretMirror, out *delivery.Outcome, now time.Time) []dialect.Event {
	old := sm.Status.VaultSource
	if held := out.Lease.Held; !held.IsZero() {
		var events []dialect.Event
		switch {
		case old == nil, old.LeaseID != held.ID, out.Lease.Change == delivery.LeaseIssued:
			events = append(events, issuedEvent(held.ID))
		case out.Lease.Change == delivery.LeaseRenewed:
			events = append(events, renewedEvent())
		}
		return append(events, record(sm, held, now)...)
	}
	if old == nil || old.LeaseID == "" {
		return nil
	}
	switch {
	case out.Lease.Change == delivery.LeaseRevoked:
		sm.Status.VaultSource = nil
		return []dialect.Event{revokedEvent(old.LeaseID)}
	case out.Lease.Change == delivery.LeaseLeft, out.Result != delivery.Failed:
		sm.Status.VaultSource = nil
		return []dialect.Event{leftEvent(old, true)}
	}
	return nil
}

// record writes down what the object holds. It tells what it overwrites, for
// this is the last chance.
func record(sm *v1alpha2.SecretMirror, held delivery.Lease, now time.Time) []dialect.Event {
	var events []dialect.Event
	var kept v1alpha2.VaultSourceStatus
	if sm.Status.VaultSource != nil {
		kept = *sm.Status.VaultSource
	}
	from, issued := sm.Spec.Source.Vault, kept.LeaseID != held.ID
	if issued {
		if other := !recordedFrom(&kept, from); kept.LeaseID != "" && (other || now.Before(endOf(&kept))) {
			events = append(events, leftEvent(&kept, other))
		}
		kept = v1alpha2.VaultSourceStatus{LeaseID: held.ID}
	}
	if from != nil && (issued || kept.Path == "" && recordedFrom(&kept, from)) {
		kept.Addr, kept.Path = from.Addr, from.Path
	}
	kept.LeaseDuration = int64(held.Duration / time.Second)
	kept.Renewable = &held.Renewable
	if !held.Until.IsZero() {
		kept.TokenEndsAt = stamp(held.Until)
	}
	switch {
	case !held.Renewed.IsZero():
		kept.RenewedAt = stamp(held.Renewed)
	case kept.RenewedAt == "":
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
