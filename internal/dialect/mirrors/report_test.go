package mirrors

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// day is the time of the runs in these tests.
func day(offset time.Duration) time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 500, time.UTC).Add(offset)
}

const epoch = "1970-01-01T00:00:00Z"

// mirror is an object as the API server first shows it.
func mirror() *v1alpha2.SecretMirror {
	return &v1alpha2.SecretMirror{
		ObjectMeta: metav1.ObjectMeta{Name: "app-mirror", Namespace: "team", Generation: 3},
		Spec: v1alpha2.SecretMirrorSpec{
			Source:      v1alpha2.SecretMirrorSource{Type: ofSecret, Name: "app"},
			Destination: v1alpha2.SecretMirrorDestination{Type: toNamespaces, Namespaces: []string{"^a"}},
		},
		Status: v1alpha2.SecretMirrorStatus{MirrorStatus: statusPending, LastSyncTime: epoch},
	}
}

func vaultSpec() *v1alpha2.VaultSpec {
	return &v1alpha2.VaultSpec{Addr: "http://vault", Path: "db/creds/app", Auth: v1alpha2.VaultAuthSpec{
		Token: &v1alpha2.VaultTokenAuthSpec{SecretRef: v1alpha2.SecretReference{Name: "login"}},
	}}
}

func ofVaultMirror() *v1alpha2.SecretMirror {
	sm := mirror()
	sm.Spec.Source.Type, sm.Spec.Source.Vault = ofVault, vaultSpec()
	return sm
}

func toVaultMirror() *v1alpha2.SecretMirror {
	sm := mirror()
	sm.Spec.Destination = v1alpha2.SecretMirrorDestination{Type: toVault, Vault: vaultSpec()}
	return sm
}

func report(sm *v1alpha2.SecretMirror, out delivery.Outcome, at time.Duration) []dialect.Event {
	return SecretMirrors(Options{}).Report(sm, out, day(at))
}

func failed(kind delivery.ErrorKind, message string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: kind, Message: message}}
}

func TestReportSuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sm      *v1alpha2.SecretMirror
		out     delivery.Outcome
		message string
	}{
		"namespaces":   {mirror(), delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 300, Written: 300}}, "SecretMirror is synced; in 300 namespaces"},
		"one":          {mirror(), delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}}, "SecretMirror is synced; in 1 namespace"},
		"nowhere":      {mirror(), delivery.Outcome{Result: delivery.Synced}, "SecretMirror is synced; no namespace matches yet"},
		"vault":        {toVaultMirror(), delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}}, "SecretMirror is synced"},
		"noted":        {toVaultMirror(), delivery.Outcome{Result: delivery.Synced, Note: "take care"}, "SecretMirror is synced; take care"},
		"without data": {toVaultMirror(), delivery.Outcome{Result: delivery.Retained}, "SecretMirror is synced; the source holds no data, and what was copied before stays"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.out.At = day(-time.Second)
			events := report(c.sm, c.out, 0)
			if diff := cmp.Diff([]dialect.Event{{Reason: "Active", Message: "SecretMirror is synced"}}, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			want := v1alpha2.SecretMirrorStatus{
				MirrorStatus: "Active", LastSyncTime: "2026-08-01T11:59:59Z", ObservedGeneration: 3,
				Conditions: []v1alpha2.Condition{{
					Type: "Ready", Status: "True", Reason: "Active", Message: c.message,
					LastTransitionTime: "2026-08-01T12:00:00Z", ObservedGeneration: 3,
				}},
			}
			if diff := cmp.Diff(want, c.sm.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			state := SecretMirrors(Options{}).State(c.sm)
			if !state.Known || !state.Ready || !state.At.Equal(day(-time.Second).Truncate(time.Second)) {
				t.Errorf("reads back as %+v", state)
			}
			if again := report(c.sm, c.out, time.Hour); len(again) != 0 {
				t.Errorf("events without news: %v", again)
			}
			if diff := cmp.Diff(want, c.sm.Status); diff != "" {
				t.Errorf("the status changed without news:\n%s", diff)
			}
		})
	}
}

func TestReportFailures(t *testing.T) {
	t.Parallel()
	const missing = `cannot log in to http://vault: Secret team/login has no key "token"`
	for name, c := range map[string]struct {
		sm                      *v1alpha2.SecretMirror
		out                     delivery.Outcome
		status, reason, message string
	}{
		"no secret": {mirror(), failed(delivery.SourceMissing, "the cause"), "Pending", "NoSecret",
			"secret team/app not found, waiting to appear"},
		"no secret for vault": {toVaultMirror(), failed(delivery.SourceMissing, "the cause"), "Pending", "NoSecret",
			"secret team/app not found, waiting to appear"},
		"no secret in vault":    {ofVaultMirror(), failed(delivery.SourceMissing, "the cause"), "Error", "VaultError", "the cause"},
		"manifest":              {mirror(), failed(delivery.Invalid, "the cause"), "Error", "SyncError", "the cause"},
		"manifest with vault":   {ofVaultMirror(), failed(delivery.Invalid, "the cause"), "Error", "SyncError", "the cause"},
		"api server":            {mirror(), failed(delivery.Unavailable, "the cause"), "Error", "SyncError", "the cause"},
		"no credential":         {ofVaultMirror(), failed(delivery.Misconfigured, missing), "Pending", "VaultAuthMissing", missing},
		"no credential to":      {toVaultMirror(), failed(delivery.Misconfigured, "Secret team/login"), "Pending", "VaultAuthMissing", "Secret team/login"},
		"another Secret":        {ofVaultMirror(), failed(delivery.Misconfigured, "Secret team/login2 is"), "Error", "VaultError", "Secret team/login2 is"},
		"bad credential":        {ofVaultMirror(), failed(delivery.Refused, "the cause"), "Error", "VaultAuthInvalid", "the cause"},
		"vault down":            {ofVaultMirror(), failed(delivery.Unavailable, "the cause"), "Error", "VaultError", "the cause"},
		"vault does not take":   {toVaultMirror(), failed(delivery.WriteFailed, "the cause"), "Error", "VaultError", "the cause"},
		"cluster does not take": {ofVaultMirror(), failed(delivery.WriteFailed, "the cause"), "Error", "SyncError", "the cause"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := report(c.sm, c.out, 0)
			if diff := cmp.Diff([]dialect.Event{{Warning: true, Reason: c.reason, Message: c.message}}, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			want := v1alpha2.SecretMirrorStatus{
				MirrorStatus: c.status, LastSyncTime: epoch, ObservedGeneration: 3,
				Conditions: []v1alpha2.Condition{{
					Type: "Ready", Status: "False", Reason: c.reason, Message: c.message,
					LastTransitionTime: "2026-08-01T12:00:00Z", ObservedGeneration: 3,
				}},
			}
			if diff := cmp.Diff(want, c.sm.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if again := report(c.sm, c.out, time.Hour); len(again) != 0 {
				t.Errorf("events without news: %v", again)
			}
			if state := SecretMirrors(Options{}).State(c.sm); !state.Known || state.Ready || state.Message != c.message || !state.At.IsZero() {
				t.Errorf("reads back as %+v", state)
			}
		})
	}
}

// TestNothingIsSaidToBeInSyncThatGoes, though it was in trouble before.
func TestNothingIsSaidToBeInSyncThatGoes(t *testing.T) {
	t.Parallel()
	sm := mirror()
	report(sm, failed(delivery.SourceMissing, ""), 0)
	if events := report(sm, delivery.Outcome{Result: delivery.Deleted}, time.Minute); len(events) > 0 {
		t.Errorf("told %v", events)
	}
}

func TestReportTransitions(t *testing.T) {
	t.Parallel()
	sm := mirror()
	sm.Status = v1alpha2.SecretMirrorStatus{}
	report(sm, failed(delivery.SourceMissing, ""), 0)
	if sm.Status.LastSyncTime != epoch {
		t.Errorf("never synced, and lastSyncTime is %q", sm.Status.LastSyncTime)
	}
	report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}}, time.Minute)
	if got := sm.Status.Conditions[0].LastTransitionTime; got != "2026-08-01T12:01:00Z" {
		t.Errorf("the transition was at %s", got)
	}
	// What the last success left stays, and a second failure is a second event.
	for _, message := range []string{"down", "sealed"} {
		events := report(sm, failed(delivery.Unavailable, message), time.Hour)
		if len(events) != 1 || events[0].Message != message || sm.Status.LastSyncTime != "2026-08-01T12:01:00Z" {
			t.Errorf("%s: events %v, lastSyncTime %s", message, events, sm.Status.LastSyncTime)
		}
	}
	plan, _ := SecretMirrors(Options{}).Translate(sm)
	if !plan.Schedule.Failing || plan.Schedule.Current || !plan.Schedule.LastRun.Equal(day(time.Minute).Truncate(time.Second)) {
		t.Errorf("a failure reads back as %+v", plan.Schedule)
	}
	events := report(sm, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 1}}, 2*time.Hour)
	if len(events) != 1 || events[0].Reason != "Active" {
		t.Errorf("events of the recovery: %v", events)
	}
	plan, _ = SecretMirrors(Options{}).Translate(sm)
	if plan.Schedule.Failing || !plan.Schedule.Current {
		t.Errorf("the recovery reads back as %+v", plan.Schedule)
	}
}

func TestReportRefusals(t *testing.T) {
	t.Parallel()
	refused := func(namespaces ...string) delivery.Outcome {
		out := failed(delivery.TargetControlled, "some places could not be served")
		out.Destination.Places = 7
		for _, ns := range namespaces {
			out.Destination.Refused = append(out.Destination.Refused, delivery.Refusal{Place: delivery.Place{Namespace: ns, Name: "app"}, Err: &delivery.Error{Message: "foreign"}})
		}
		return out
	}
	sm := mirror()
	events := report(sm, refused("a", "b", "c", "d", "e"), 0)
	want := []dialect.Event{{Warning: true, Reason: "SyncError",
		Message: "unable to sync some objects: a/app: foreign; b/app: foreign; c/app: foreign; and 2 more"}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if sm.Status.MirrorStatus != "Error" || sm.Status.Conditions[0].Message != want[0].Message {
		t.Errorf("status is %+v", sm.Status)
	}
	if again := report(sm, refused("a", "b", "c", "d", "e"), 0); len(again) != 0 {
		t.Errorf("the same is news: %v", again)
	}
	sm = mirror()
	events = report(sm, refused("a"), 0)
	if len(events) != 1 || events[0].Message != "unable to sync some objects: a/app: foreign" {
		t.Errorf("events of one refusal: %v", events)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	sm := mirror()
	out := failed(delivery.Malformed, strings.Repeat("ä", 10_000))
	events := report(sm, out, 0)
	if n := len(events[0].Message); n > dialect.MaxEventMessage {
		t.Errorf("an event of %d bytes", n)
	}
	message := sm.Status.Conditions[0].Message
	if len(message) > dialect.MaxMessage || strings.ContainsRune(message, '�') || !strings.HasSuffix(message, "ä…") {
		t.Errorf("a message of %d bytes", len(message))
	}
	if again := report(sm, out, time.Hour); len(again) != 0 {
		t.Errorf("a message that was cut counts as new: %v", again)
	}
}
