package doppler

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// day is the time of the runs in these tests.
func day(offset time.Duration) time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 500, time.UTC).Add(offset)
}

func app() *dopplerv1alpha1.DopplerSecret {
	return &dopplerv1alpha1.DopplerSecret{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "team", Generation: 3},
		Spec: dopplerv1alpha1.DopplerSecretSpec{
			TokenSecret:   &dopplerv1alpha1.TokenSecretReference{Name: "token"},
			ManagedSecret: dopplerv1alpha1.ManagedSecretReference{Name: "app-secrets"},
		},
	}
}

// The conditions that the original writes.
var (
	syncOK  = verdict{"True", "OK", "Controller is continuously syncing secrets"}
	stopped = verdict{"False", "Stopped", "Deployment reload has been stopped due to secrets sync failure"}
)

type verdict struct{ status, reason, message string }

func reloads(n string) verdict {
	return verdict{"True", "OK", "Controller is ready to reload deployments. " + n + " found."}
}

func failed(kind delivery.ErrorKind, message string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: kind, Message: message}}
}

func TestReportCases(t *testing.T) {
	t.Parallel()
	to := delivery.Binding{Name: "app-secrets", Version: "7"}
	const adoption = "Secret team/app-secrets was there before and was given to this DopplerSecret by its annotation tacit.dev/adopt"
	plan, err := DopplerSecrets(Options{}).Translate(app())
	if err != nil {
		t.Fatal(err)
	}
	source := `spec: ` + plan.Sources[0].Store.String() + `, key "": `
	bad := func(message string) verdict { return verdict{"False", "Error", "Secret update failed: " + message} }
	event := func(reason, message string) []dialect.Event {
		return []dialect.Event{{Reason: reason, Message: message}}
	}
	warning := func(reason, message string) []dialect.Event {
		return []dialect.Event{{Warning: true, Reason: reason, Message: message}}
	}
	typed := failed(delivery.TargetType, "whatever")
	typed.Err.Have, typed.Err.Want = "Opaque", "kubernetes.io/tls"
	const mismatch = "Cannot change existing managed secret type from Opaque to kubernetes.io/tls. Delete the managed secret and re-apply the DopplerSecret."
	const foreign = "Secret team/app-secrets is there already; annotate it with tacit.dev/adopt=team/app"
	for name, c := range map[string]struct {
		out          delivery.Outcome
		sync, reload verdict
		events       []dialect.Event
	}{
		"created": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Created, Bound: to}, Rollout: delivery.RolloutOutcome{Reloadable: 2}},
			syncOK, reloads("2"), event("SecretSynced", "Secret team/app-secrets created"),
		},
		"updated": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Updated, Bound: to}},
			syncOK, reloads("0"), event("SecretSynced", "Secret team/app-secrets updated"),
		},
		"adopted": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Adopted, Bound: to}},
			verdict{"True", "OK", syncOK.message + "; " + adoption}, reloads("0"), event("SecretAdopted", adoption),
		},
		"not restarted": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Bound: to}, Rollout: delivery.RolloutOutcome{Reloadable: 2, Failure: "forbidden"}},
			syncOK, verdict{"False", "Error", "Deployment reconcile failed: forbidden"}, nil,
		},
		"nothing to do": {delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Bound: to}}, syncOK, reloads("0"), nil},
		"noted": {
			delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Bound: to}, Note: "mind this"},
			verdict{"True", "OK", syncOK.message + "; mind this"}, reloads("0"), nil,
		},
		"nothing there": {
			delivery.Outcome{Result: delivery.Retained, Destination: delivery.DestinationOutcome{Bound: to}},
			verdict{"True", "OK", syncOK.message + "; there are no secrets to write, so that Secret team/app-secrets stays as it is"},
			reloads("0"), nil,
		},
		"refused by Doppler": {
			failed(delivery.Refused, source+"Doppler Error: Invalid Service token"),
			bad("Doppler Error: Invalid Service token"), stopped, warning("SecretSyncFailed", "Doppler Error: Invalid Service token"),
		},
		"refused here": {
			failed(delivery.Invalid, "spec.format: no"), bad("spec.format: no"), stopped, warning("SecretSyncFailed", "spec.format: no"),
		},
		"another's Secret": {failed(delivery.TargetControlled, foreign), bad(foreign), stopped, warning("SecretSyncFailed", foreign)},
		"another type":     {typed, bad(mismatch), stopped, warning("SecretSyncFailed", mismatch)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ds := app()
			events := DopplerSecrets(Options{}).Report(ds, c.out, day(0))
			if diff := cmp.Diff(c.events, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			var want []metav1.Condition
			for i, v := range []verdict{c.sync, c.reload} {
				want = append(want, metav1.Condition{
					Type:   []string{"secrets.doppler.com/SecretSyncReady", "secrets.doppler.com/DeploymentReloadReady"}[i],
					Status: metav1.ConditionStatus(v.status), Reason: v.reason, Message: v.message,
					LastTransitionTime: metav1.NewTime(day(0).Truncate(time.Second)), ObservedGeneration: 3,
				})
			}
			if diff := cmp.Diff(want, ds.Status.Conditions); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if ok := c.sync.status == "True"; ok != (ds.Status.LastSync != nil) {
				t.Errorf("success %v, but lastSync is %v", ok, ds.Status.LastSync)
			}
		})
	}
}

// afterSync is an object after its first success.
func afterSync(t *testing.T, change delivery.Change) *dopplerv1alpha1.DopplerSecret {
	t.Helper()
	d, ds := DopplerSecrets(Options{}), app()
	bound := delivery.Binding{Name: "app-secrets", Version: "1"}
	d.Report(ds, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: change, Bound: bound}, At: day(0)}, day(0))
	plan, err := d.Translate(ds)
	if err != nil {
		t.Fatal(err)
	}
	if s := plan.Schedule; !s.Current || s.Failing || !s.LastRun.Equal(day(0).Truncate(time.Second)) {
		t.Fatalf("what was reported reads back as %+v", s)
	}
	if plan.Destination.Bound != bound {
		t.Fatalf("what was bound reads back as %+v", plan.Destination.Bound)
	}
	return ds
}

func TestReportAgain(t *testing.T) {
	t.Parallel()
	d, ds := DopplerSecrets(Options{}), afterSync(t, delivery.Created)
	same := delivery.Outcome{Result: delivery.Synced, At: day(0), Destination: delivery.DestinationOutcome{Bound: delivery.Binding{Name: "app-secrets", Version: "1"}}}
	before := ds.DeepCopy()
	if events := d.Report(ds, same, day(time.Minute)); len(events) != 0 {
		t.Errorf("events without news: %v", events)
	}
	if diff := cmp.Diff(before, ds); diff != "" {
		t.Errorf("the status changed without news:\n%s", diff)
	}
	same.At = day(time.Hour)
	d.Report(ds, same, day(time.Hour))
	if got := d.State(ds).At; !got.Equal(day(time.Hour).Truncate(time.Second)) {
		t.Errorf("it last succeeded at %s", got)
	}
	if got := ds.Status.Conditions[0].LastTransitionTime.Time; !got.Equal(day(0).Truncate(time.Second)) {
		t.Errorf("lastTransitionTime moved to %s without a transition", got)
	}
}

func TestReportFailureOnce(t *testing.T) {
	t.Parallel()
	d, ds := DopplerSecrets(Options{}), afterSync(t, delivery.Created)
	fail := func(kind delivery.ErrorKind, text string, at time.Duration) []dialect.Event {
		return d.Report(ds, failed(kind, text), day(at))
	}
	if got := fail(delivery.Unavailable, "down", time.Hour); len(got) != 1 {
		t.Errorf("events of the first failure: %v", got)
	}
	kept := ds.DeepCopy()
	if got := fail(delivery.Unavailable, "down", 2*time.Hour); len(got) != 0 {
		t.Errorf("events of the same failure again: %v", got)
	}
	if diff := cmp.Diff(kept, ds); diff != "" {
		t.Errorf("the same failure changed the status:\n%s", diff)
	}
	if got := fail(delivery.Throttled, "slow down", 3*time.Hour); len(got) != 1 || got[0].Message != "slow down" {
		t.Errorf("events of another failure: %v", got)
	}
	if ds.Status.ManagedSecret == nil || !ds.Status.LastSync.Equal(&metav1.Time{Time: day(0).Truncate(time.Second)}) {
		t.Errorf("a failure took away what the last success left: %+v", ds.Status)
	}
	if plan, _ := d.Translate(ds); !plan.Schedule.Failing || plan.Schedule.Current {
		t.Errorf("the schedule of a failing object is %+v", plan.Schedule)
	}
}

func TestAdoptionIsSaidUntilTheSecretIsMadeAnew(t *testing.T) {
	t.Parallel()
	d, ds := DopplerSecrets(Options{}), afterSync(t, delivery.Adopted)
	says := func() bool { return strings.Contains(ds.Status.Conditions[0].Message, "tacit.dev/adopt") }
	run := func(change delivery.Change) {
		d.Report(ds, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: change, Bound: delivery.Binding{Name: "app-secrets", Version: "2"}}}, day(time.Hour))
	}
	if run(delivery.NoChange); !says() {
		t.Error("the next run forgot that the Secret was adopted")
	}
	if run(delivery.Updated); !says() {
		t.Error("a write forgot that the Secret was adopted")
	}
	if run(delivery.Created); says() {
		t.Error("a Secret that was made here is called adopted")
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	d := DopplerSecrets(Options{})
	if s := d.State(app()); s.Known {
		t.Errorf("known before the first run: %+v", s)
	}
	ds := afterSync(t, delivery.Created)
	if s := d.State(ds); !s.Known || !s.Ready || s.Message != "" || !s.At.Equal(day(0).Truncate(time.Second)) {
		t.Errorf("after a success: %+v", s)
	}
	d.Report(ds, delivery.Outcome{Result: delivery.Synced, Note: "mind this"}, day(0))
	if s := d.State(ds); !s.Ready || s.Message != "mind this" {
		t.Errorf("with a note: %+v", s)
	}
	d.Report(ds, failed(delivery.Unavailable, "down"), day(0))
	if s := d.State(ds); !s.Known || s.Ready || s.Message != "Secret update failed: down" {
		t.Errorf("after a failure: %+v", s)
	}
	ds.Generation++
	if s := d.State(ds); s.Known {
		t.Errorf("known of another generation: %+v", s)
	}
	ds.Status.Conditions[0].ObservedGeneration = 0 // as the original writes it
	if s := d.State(ds); !s.Known {
		t.Error("what the original reported is not known")
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	ds := app()
	out := failed(delivery.Malformed, strings.Repeat("ä", 10_000))
	events := DopplerSecrets(Options{}).Report(ds, out, day(0))
	if n := len(events[0].Message); n > 1024 {
		t.Errorf("an event of %d bytes", n)
	}
	if m := ds.Status.Conditions[0].Message; len(m) > dialect.MaxMessage || !strings.HasSuffix(m, "ä…") {
		t.Errorf("a message of %d bytes that ends in %q", len(m), m[len(m)-8:])
	}
	if again := DopplerSecrets(Options{}).Report(ds, out, day(time.Hour)); len(again) != 0 {
		t.Errorf("a message that was cut counts as new: %v", again)
	}
}

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	marked, ok := DopplerSecrets(Options{}).(dialect.Marked)
	if !ok {
		t.Fatal("the language does not know its Secrets")
	}
	for _, c := range []struct {
		label, by string
		want      types.NamespacedName
	}{
		{"dopplerSecret", "team/app", types.NamespacedName{Namespace: "team", Name: "app"}},
		{"dopplerSecret", "", types.NamespacedName{}},
		{"dopplerSecret", "app", types.NamespacedName{}},
		{"dopplerSecret", "/app", types.NamespacedName{}},
		{"dopplerSecret", "team/", types.NamespacedName{}},
		{"dopplerSecret", "team/app/more", types.NamespacedName{}},
		{"", "team/app", types.NamespacedName{}},
	} {
		got, ok := marked.OwnerOf(&metav1.ObjectMeta{
			Labels:      map[string]string{"secrets.doppler.com/subtype": c.label},
			Annotations: map[string]string{"secrets.doppler.com/managed-by": c.by},
		})
		if got != c.want || ok != (c.want != types.NamespacedName{}) {
			t.Errorf("label %q, annotation %q: %v, %v", c.label, c.by, got, ok)
		}
	}
}
