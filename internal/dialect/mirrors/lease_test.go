package mirrors

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func lease(id string, renewed time.Duration) delivery.Lease {
	return delivery.Lease{ID: id, Duration: 90 * time.Second, Renewable: true, Renewed: day(renewed)}
}

func recorded(id, renewedAt string) *v1alpha2.VaultSourceStatus {
	yes := true
	return &v1alpha2.VaultSourceStatus{
		LeaseID: id, LeaseDuration: 90, Renewable: &yes, RenewedAt: renewedAt, Addr: "http://vault", Path: "db/creds/app",
	}
}

func newCreds(id string) dialect.Event {
	return dialect.Event{Reason: "VaultNewCreds", Message: "Fetched new credentials under the lease " + id}
}

func lend(t *testing.T, sm *v1alpha2.SecretMirror, held delivery.Lease, at time.Duration) []dialect.Event {
	t.Helper()
	lender, ok := SecretMirrors(Options{}).(dialect.Lender)
	if !ok {
		t.Fatal("it keeps no leases")
	}
	return lender.RecordLease(sm, held, day(at))
}

// TestLeaseIsRecordedBeforeUse follows a lease through its life: written down
// before anything is made of it, told once whether or not the run sees that
// record, renewed, and replaced.
func TestLeaseIsRecordedBeforeUse(t *testing.T) {
	t.Parallel()
	sm := ofVaultMirror()
	asRead := sm.DeepCopy()
	events := lend(t, sm, lease("db/creds/app/1", 0), 0)
	if len(events) != 0 {
		t.Errorf("events before use: %v", events)
	}
	want := v1alpha2.SecretMirrorStatus{
		MirrorStatus: "Pending", LastSyncTime: epoch, VaultSource: recorded("db/creds/app/1", "2026-08-01T12:00:00Z"),
	}
	if diff := cmp.Diff(want, sm.Status); diff != "" {
		t.Errorf("status before use (-want +got):\n%s", diff)
	}
	plan, _ := SecretMirrors(Options{}).Translate(sm)
	held := lease("db/creds/app/1", 0)
	held.Renewed = held.Renewed.Truncate(time.Second)
	if diff := cmp.Diff(&delivery.Leases{Held: held}, plan.Leases); diff != "" || plan.Schedule.Interval != 30*time.Second {
		t.Errorf("it reads back otherwise, to be renewed after %s (-want +got):\n%s", plan.Schedule.Interval, diff)
	}

	step := func(what string, sm *v1alpha2.SecretMirror, id string, change delivery.LeaseChange, at time.Duration, renewedAt string, want ...dialect.Event) {
		t.Helper()
		out := delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: lease(id, at), Change: change}}
		if diff := cmp.Diff(want, report(sm, out, at)); diff != "" {
			t.Errorf("events of %s (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(recorded(id, renewedAt), sm.Status.VaultSource); diff != "" {
			t.Errorf("the record after %s (-want +got):\n%s", what, diff)
		}
	}
	first, second, third := "db/creds/app/1", "db/creds/app/2", "db/creds/app/3"
	issued := []dialect.Event{newCreds(first), activeEvent()}
	step("the first use, as read before", asRead, first, delivery.LeaseIssued, 0, "2026-08-01T12:00:00Z", issued...)
	step("the first use", sm, first, delivery.LeaseIssued, 0, "2026-08-01T12:00:00Z", issued...)
	step("keeping it", sm, first, delivery.LeaseKept, 0, "2026-08-01T12:00:00Z")
	step("a renewal", sm, first, delivery.LeaseRenewed, 30*time.Second, "2026-08-01T12:00:30Z",
		dialect.Event{Reason: "VaultLeaseRenew", Message: "Renewed lease successfully"})
	step("a replacement", sm, second, delivery.LeaseIssued, time.Minute, "2026-08-01T12:01:00Z", newCreds(second),
		dialect.Event{Reason: "VaultLeaseLeft", Message: "The lease db/creds/app/1 is renewed no more and ends by 2026-08-01T12:02:00Z at the latest"})
	step("a replacement after its end", sm, third, delivery.LeaseIssued, time.Hour, "2026-08-01T13:00:00Z", newCreds(third))
}

// TestTheEndOfALeasesTokenIsRecordedWithIt, for whoever comes next did not take
// the lease out. One that is not known says nothing about the one before.
func TestTheEndOfALeasesTokenIsRecordedWithIt(t *testing.T) {
	t.Parallel()
	sm := ofVaultMirror()
	first, second := lease("db/creds/app/1", 0), lease("db/creds/app/2", time.Minute)
	first.Until = day(time.Hour)
	until := func() time.Time {
		plan, _ := SecretMirrors(Options{}).Translate(sm)
		return plan.Leases.Held.Until
	}
	lend(t, sm, first, 0)
	if got := until(); !got.Equal(first.Until.Truncate(time.Second)) {
		t.Errorf("it reads back %v, want %v", got, first.Until)
	}
	first.Until = day(2 * time.Hour)
	report(sm, delivery.Outcome{Result: delivery.Synced, Lease: delivery.LeaseOutcome{Held: first, Change: delivery.LeaseRenewed}}, time.Minute)
	if got := until(); !got.Equal(first.Until.Truncate(time.Second)) {
		t.Errorf("renewed, it reads back %v, want %v", got, first.Until)
	}
	lend(t, sm, second, time.Minute)
	if got := until(); !got.IsZero() {
		t.Errorf("another lease reads back %v, the end of the first", got)
	}
}

// TestARecordTellsWhatItOverwrites, for nobody else will: the run that follows
// finds the new lease alone.
func TestARecordTellsWhatItOverwrites(t *testing.T) {
	t.Parallel()
	sm := ofVaultMirror()
	first, second := lease("db/creds/app/1", 0), lease("db/creds/app/2", time.Minute)
	lend(t, sm, first, 0)
	if diff := cmp.Diff([]dialect.Event{leftEvent(recorded(first.ID, "2026-08-01T12:00:00Z"), false)}, lend(t, sm, second, time.Minute)); diff != "" {
		t.Errorf("events of the record (-want +got):\n%s", diff)
	}
	out := delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: second, Change: delivery.LeaseIssued}}
	if diff := cmp.Diff([]dialect.Event{newCreds(second.ID), activeEvent()}, report(sm, out, time.Minute)); diff != "" {
		t.Errorf("events of the run (-want +got):\n%s", diff)
	}
}

// TestLeaseIsForgottenOnlyWhenGone: a record that went too early would leave
// a lease that nobody renews or revokes.
func TestLeaseIsForgottenOnlyWhenGone(t *testing.T) {
	t.Parallel()
	left := dialect.Event{Warning: true, Reason: "VaultLeaseLeft",
		Message: "The lease db/creds/app/1 is renewed no more and ends by 2026-08-01T12:01:30Z at the latest"}
	for name, c := range map[string]struct {
		out    delivery.Outcome
		kept   bool
		events []dialect.Event
	}{
		"vault down":   {failed(delivery.Unavailable, "down"), true, []dialect.Event{{Warning: true, Reason: "VaultError", Message: "down"}}},
		"revoked":      {delivery.Outcome{Result: delivery.Deleted, Lease: delivery.LeaseOutcome{Change: delivery.LeaseRevoked}}, false, []dialect.Event{revokedEvent("db/creds/app/1")}},
		"left":         {delivery.Outcome{Result: delivery.Deleted, Lease: delivery.LeaseOutcome{Change: delivery.LeaseLeft}}, false, []dialect.Event{left}},
		"lent no more": {delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}}, false, []dialect.Event{left}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sm := ofVaultMirror()
			report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: lease("db/creds/app/1", 0)}}, 0)
			if diff := cmp.Diff(c.events, report(sm, c.out, time.Hour)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if kept := sm.Status.VaultSource != nil; kept != c.kept {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

// TestLeaseOfAnotherPath: the lease of what the manifest asked for before is
// neither renewed nor forgotten without a word.
func TestLeaseOfAnotherPath(t *testing.T) {
	t.Parallel()
	d := SecretMirrors(Options{})
	for name, change := range map[string]func(*v1alpha2.SecretMirror){
		"path":    func(sm *v1alpha2.SecretMirror) { sm.Spec.Source.Vault.Path = "db/creds/other" },
		"address": func(sm *v1alpha2.SecretMirror) { sm.Spec.Source.Vault.Addr = "http://other" },
	} {
		sm := ofVaultMirror()
		report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: lease("db/creds/app/1", 0)}}, 0)
		change(sm)
		if plan, _ := d.Translate(sm); !plan.Leases.Held.IsZero() {
			t.Errorf("%s: holds %+v", name, plan.Leases.Held)
		}
		events := report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: lease("db/creds/x/2", 0), Change: delivery.LeaseIssued}}, time.Minute)
		if diff := cmp.Diff([]dialect.Event{newCreds("db/creds/x/2"), leftEvent(recorded("db/creds/app/1", "2026-08-01T12:00:00Z"), true)}, events); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		if plan, _ := d.Translate(sm); plan.Leases.Held.ID != "db/creds/x/2" {
			t.Errorf("%s: then holds %+v", name, plan.Leases.Held)
		}
	}
}

// TestLeaseOfTheOriginal is taken over as it is: the same credentials, and a
// record that from now on says where they are from.
func TestLeaseOfTheOriginal(t *testing.T) {
	t.Parallel()
	sm := ofVaultMirror()
	sm.Status = v1alpha2.SecretMirrorStatus{
		MirrorStatus: statusActive, LastSyncTime: "2026-08-01T12:00:00Z",
		VaultSource: &v1alpha2.VaultSourceStatus{LeaseID: "db/creds/app/1", LeaseDuration: 90},
	}
	events := report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}, Lease: delivery.LeaseOutcome{Held: delivery.Lease{ID: "db/creds/app/1", Duration: 90 * time.Second, Renewable: true}}}, time.Second)
	if len(events) != 0 {
		t.Errorf("events of taking over: %v", events)
	}
	if diff := cmp.Diff(recorded("db/creds/app/1", "2026-08-01T12:00:01Z"), sm.Status.VaultSource); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
}
