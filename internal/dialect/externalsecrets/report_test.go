package externalsecrets

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// day is the time of the runs in these tests; at is when values were read.
func day(offset time.Duration) time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 500, time.UTC).Add(offset)
}

func app() *esv1.ExternalSecret {
	return &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "team", Generation: 3}}
}

func TestReportCases(t *testing.T) {
	t.Parallel()
	failed := func(kind delivery.ErrorKind) delivery.Outcome {
		return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: kind, Message: "the cause"}}
	}
	updateFailed := dialect.Event{Warning: true, Reason: "UpdateFailed", Message: "the cause"}
	adopted := dialect.Event{Reason: "Adopted", Message: "secret app existed without a controller and is owned by this ExternalSecret from now on"}
	to := delivery.Binding{Name: "app", Version: "7"}
	for name, c := range map[string]struct {
		out                     delivery.Outcome
		status, reason, message string
		events                  []dialect.Event
	}{
		"created": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Created}},
			"True", "SecretSynced", "secret synced", []dialect.Event{{Reason: "Created", Message: "secret created"}},
		},
		"updated": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Updated}},
			"True", "SecretSynced", "secret synced", []dialect.Event{{Reason: "Updated", Message: "secret updated"}},
		},
		"adopted": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Adopted, Bound: to}},
			"True", "SecretSynced", "secret synced", []dialect.Event{adopted},
		},
		"nothing to do": {delivery.Outcome{Result: delivery.Synced}, "True", "SecretSynced", "secret synced", nil},
		"noted": {
			delivery.Outcome{Result: delivery.Synced, Note: "it is immutable"},
			"True", "SecretSynced", "secret synced; it is immutable", nil,
		},
		"retained": {
			delivery.Outcome{Result: delivery.Retained},
			"True", "SecretSynced", "secret retained due to DeletionPolicy=Retain", nil,
		},
		"deleted": {
			delivery.Outcome{Result: delivery.Deleted, Destination: delivery.DestinationOutcome{Change: delivery.Removed}, Sources: delivery.SourcesOutcome{Skipped: []string{"spec.data[0]"}}},
			"True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete",
			[]dialect.Event{
				{Reason: "Deleted", Message: "secret deleted due to DeletionPolicy=Delete"},
				{Reason: "MissingProviderSecret", Message: "secret does not exist at provider using spec.data[0]"},
			},
		},
		"still deleted": {
			delivery.Outcome{Result: delivery.Deleted, Sources: delivery.SourcesOutcome{Skipped: []string{"spec.data[0]"}}},
			"True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete", nil,
		},
		"missing": {
			delivery.Outcome{Result: delivery.Missing},
			"True", "SecretMissing", "secret will not be created due to CreationPolicy=Merge", nil,
		},
		"manifest":   {failed(delivery.Unsupported), "False", "SecretSyncedError", "could not get secret data from provider: the cause", []dialect.Event{updateFailed}},
		"store":      {failed(delivery.StoreMissing), "False", "SecretSyncedError", "could not get secret data from provider: the cause", []dialect.Event{updateFailed}},
		"property":   {failed(delivery.PropertyMissing), "False", "SecretSyncedError", "could not get secret data from provider: the cause", []dialect.Event{updateFailed}},
		"refused":    {failed(delivery.Refused), "False", "SecretSyncedError", "could not get secret data from provider: the cause", []dialect.Event{updateFailed}},
		"shape":      {failed(delivery.ShapeFailed), "False", "SecretSyncedError", "could not update secret: the cause", []dialect.Event{updateFailed}},
		"write":      {failed(delivery.WriteFailed), "False", "SecretSyncedError", "could not update secret: the cause", []dialect.Event{updateFailed}},
		"immutable":  {failed(delivery.TargetImmutable), "False", "SecretSyncedError", "could not update secret, target is immutable: the cause", []dialect.Event{updateFailed}},
		"owned":      {failed(delivery.TargetOwned), "False", "SecretSyncedError", "target is owned by another ExternalSecret: the cause", []dialect.Event{updateFailed}},
		"controlled": {failed(delivery.TargetControlled), "False", "SecretSyncedError", "failed to take ownership of target secret: the cause", []dialect.Event{updateFailed}},
		"delete":     {failed(delivery.DeleteRefused), "False", "SecretSyncedError", "could not delete secret: the cause", []dialect.Event{updateFailed}},
		"cleanup":    {failed(delivery.CleanupFailed), "False", "SecretSyncedError", "could not delete orphaned secrets: the cause", []dialect.Event{updateFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			es := app()
			events := ExternalSecrets().Report(es, c.out, day(0))
			if diff := cmp.Diff(c.events, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			want := []esv1.Condition{{
				Type: "Ready", Status: corev1.ConditionStatus(c.status), Reason: c.reason, Message: c.message,
				LastTransitionTime: metav1.NewTime(day(0).Truncate(time.Second)), ObservedGeneration: 3,
			}}
			if diff := cmp.Diff(want, es.Status.Conditions); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if es.Status.ObservedGeneration != 3 {
				t.Errorf("observedGeneration is %d, want 3", es.Status.ObservedGeneration)
			}
			if ok := c.status == "True"; ok != (es.Status.SyncedResourceVersion != "") || ok != (es.Status.RefreshTime != nil) {
				t.Errorf("success %v, but syncedResourceVersion %q and refreshTime %v", ok, es.Status.SyncedResourceVersion, es.Status.RefreshTime)
			}
		})
	}
}

// synced is an object after its first success.
func synced(t *testing.T) *esv1.ExternalSecret {
	t.Helper()
	es := app()
	ExternalSecrets().Report(es, delivery.Outcome{
		Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Created, Bound: delivery.Binding{Name: "app", Version: "1"}}, At: day(0),
	}, day(0))
	plan, _ := ExternalSecrets().Translate(es)
	if !plan.Schedule.Current || plan.Schedule.Failing || !plan.Schedule.LastRun.Equal(day(0).Truncate(time.Second)) {
		t.Fatalf("what was reported reads back as %+v", plan.Schedule)
	}
	if want := (delivery.Binding{Name: "app", Version: "1"}); plan.Destination.Bound != want {
		t.Fatalf("what was bound reads back as %+v", plan.Destination.Bound)
	}
	return es
}

func TestReportAgain(t *testing.T) {
	t.Parallel()
	d := ExternalSecrets()
	es := synced(t)
	same := delivery.Outcome{Result: delivery.Synced, At: day(0), Destination: delivery.DestinationOutcome{Bound: delivery.Binding{Name: "app", Version: "1"}}}

	before := es.DeepCopy()
	if events := d.Report(es, same, day(time.Minute)); len(events) != 0 {
		t.Errorf("events without news: %v", events)
	}
	if diff := cmp.Diff(before, es); diff != "" {
		t.Errorf("the status changed without news:\n%s", diff)
	}

	same.At = day(time.Hour)
	d.Report(es, same, day(time.Hour))
	if got := es.Status.RefreshTime.Time; !got.Equal(day(time.Hour).Truncate(time.Second)) {
		t.Errorf("refreshTime is %s after a refresh", got)
	}
	if got := es.Status.Conditions[0].LastTransitionTime.Time; !got.Equal(day(0).Truncate(time.Second)) {
		t.Errorf("lastTransitionTime moved to %s without a transition", got)
	}
}

func TestReportFailureOnce(t *testing.T) {
	t.Parallel()
	d := ExternalSecrets()
	es := synced(t)
	fail := func(text string, at time.Duration) []dialect.Event {
		return d.Report(es, delivery.Outcome{
			Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Unavailable, Message: text},
		}, day(at))
	}
	if got := fail("down", time.Hour); len(got) != 1 {
		t.Errorf("events of the first failure: %v", got)
	}
	kept := es.DeepCopy()
	if got := fail("down", 2*time.Hour); len(got) != 0 {
		t.Errorf("events of the same failure again: %v", got)
	}
	if diff := cmp.Diff(kept, es); diff != "" {
		t.Errorf("the same failure changed the status:\n%s", diff)
	}
	if got := fail("sealed", 3*time.Hour); len(got) != 1 || got[0].Message != "sealed" {
		t.Errorf("events of another failure: %v", got)
	}
	// What the last success left stays, and so does the time of the flip.
	if es.Status.Binding == nil || es.Status.RefreshTime == nil || es.Status.SyncedResourceVersion == "" {
		t.Errorf("a failure took away what the last success left: %+v", es.Status)
	}
	if got := es.Status.Conditions[0].LastTransitionTime.Time; !got.Equal(day(time.Hour).Truncate(time.Second)) {
		t.Errorf("lastTransitionTime is %s, want that of the first failure", got)
	}
	plan, _ := d.Translate(es)
	if !plan.Schedule.Failing {
		t.Error("the schedule does not say that the object fails")
	}
}

func TestReportKeepsForeignConditions(t *testing.T) {
	t.Parallel()
	es := app()
	es.Status.Conditions = []esv1.Condition{{Type: "Deleted", Status: "False"}}
	ExternalSecrets().Report(es, delivery.Outcome{Result: delivery.Synced}, day(0))
	if len(es.Status.Conditions) != 2 || es.Status.Conditions[0].Type != "Deleted" {
		t.Errorf("conditions are %+v", es.Status.Conditions)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	es := app()
	long := strings.Repeat("ä", 10_000)
	out := delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Malformed, Message: long}}
	events := ExternalSecrets().Report(es, out, day(0))
	if n := len(events[0].Message); n > 1024 {
		t.Errorf("an event of %d bytes", n)
	}
	message := es.Status.Conditions[0].Message
	if len(message) > dialect.MaxMessage || strings.ContainsRune(message, '�') || !strings.HasSuffix(message, "ä…") {
		t.Errorf("a message of %d bytes that ends in %q", len(message), message[len(message)-8:])
	}
	if again := ExternalSecrets().Report(es, out, day(time.Hour)); len(again) != 0 {
		t.Errorf("a message that was cut counts as new: %v", again)
	}
}
