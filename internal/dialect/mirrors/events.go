package mirrors

import (
	"fmt"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The reasons of events; the last two are not the original's, which tells
// nothing of what becomes of a lease.
const (
	reasonActive       = "Active"
	reasonNewCreds     = "VaultNewCreds"
	reasonLeaseRenew   = "VaultLeaseRenew"
	reasonNoSecret     = "NoSecret"
	reasonSyncError    = "SyncError"
	reasonAuthMissing  = "VaultAuthMissing"
	reasonAuthInvalid  = "VaultAuthInvalid"
	reasonVaultError   = "VaultError"
	reasonLeaseRevoked = "VaultLeaseRevoked"
	reasonLeaseLeft    = "VaultLeaseLeft"
)

// msgActive is the original's message of a success.
const msgActive = "SecretMirror is synced"

func activeEvent() dialect.Event { return dialect.Event{Reason: reasonActive, Message: msgActive} }

func issuedEvent(id string) dialect.Event {
	return dialect.Event{Reason: reasonNewCreds, Message: short("Fetched new credentials under the lease %s", id)}
}

func renewedEvent() dialect.Event {
	return dialect.Event{Reason: reasonLeaseRenew, Message: "Renewed lease successfully"}
}

func revokedEvent(id string) dialect.Event {
	return dialect.Event{Reason: reasonLeaseRevoked, Message: short("Revoked the lease %s", id)}
}

// leftEvent tells of a lease that is given up without having been revoked. It
// is a warning if nothing replaces it but what is for another purpose.
func leftEvent(rec *v1alpha2.VaultSourceStatus, warning bool) dialect.Event {
	when := "by itself"
	if end := endOf(rec); !end.IsZero() {
		when = "by " + stamp(end) + " at the latest"
	}
	return dialect.Event{Warning: warning, Reason: reasonLeaseLeft,
		Message: short("The lease %s is renewed no more and ends %s", rec.LeaseID, when)}
}

// failureEvent carries the cause. The original tells of some only.
func failureEvent(v verdict) dialect.Event {
	return dialect.Event{Warning: true, Reason: v.reason, Message: dialect.Cut(v.message, dialect.MaxEventMessage)}
}

func short(format string, args ...any) string {
	return dialect.Cut(fmt.Sprintf(format, args...), dialect.MaxEventMessage)
}
