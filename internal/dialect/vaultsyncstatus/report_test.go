package vaultsyncstatus

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// What Vault says, the first time and later.
const (
	updated      = "2026-08-01T11:59:58.123456789Z"
	updatedAgain = "2026-08-01T12:30:00.987654321Z"
)

// day is the time of the runs in these tests.
func day(offset time.Duration) time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 500, time.UTC).Add(offset)
}

func wantStamp(offset time.Duration) *metav1.Time {
	t := metav1.NewTime(day(offset).Truncate(time.Second))
	return &t
}

// world holds an object as an API server without its status subresource does:
// every change counts as a generation.
type world struct {
	dialect.Deliveries
	t   *testing.T
	obj *vssv1.VaultSyncStatus
	// writes of the object so far.
	writes int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{Deliveries: VaultSyncStatuses(configured()), t: t, obj: &vssv1.VaultSyncStatus{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "team", Generation: 1},
		Spec: vssv1.VaultSyncStatusSpec{
			DeployName: "app", DeployNamespace: "team", SecretEngine: "secret", SecretPath: "app",
			TimeStamp: "0000-00-00T00:00:00.000000000Z",
		},
	}}
}

// report reports an outcome and writes what changed.
func (w *world) report(out delivery.Outcome, at time.Duration) []dialect.Event {
	w.t.Helper()
	before := w.obj.DeepCopy()
	out.At = day(at)
	events := w.Report(w.obj, out, day(at))
	if cmp.Diff(before, w.obj) != "" {
		w.writes++
		w.obj.Generation++
	}
	return events
}

// current fails the test unless the object, as it was written, asks for no run
// before the next is due.
func (w *world) current() {
	w.t.Helper()
	plan, err := w.Translate(w.obj)
	if err != nil || !plan.Schedule.Current {
		w.t.Errorf("what was reported reads back as %+v, %v: it would run again at once", plan.Schedule, err)
	}
}

func restarted(version string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Synced, Sources: delivery.SourcesOutcome{Version: version}, Rollout: delivery.RolloutOutcome{Restarted: true}}
}

func same(version string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Synced, Sources: delivery.SourcesOutcome{Version: version}}
}

func failure(message string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Refused, Message: message}}
}

func TestARestartIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked, _ := w.Translate(w.obj)
	events := w.report(restarted(updated), 0)
	want := []dialect.Event{{Reason: "Synced", Message: "restarted Deployment team/app: secret/app was updated in Vault at " + updated}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if w.obj.Spec.TimeStamp != updated {
		t.Errorf("timeStamp is %q, want Vault's own words", w.obj.Spec.TimeStamp)
	}
	status := vssv1.VaultSync{
		SyncStatus: "Synced", ObservedGeneration: 2, LastSync: wantStamp(0), LastRestart: wantStamp(0),
	}
	if diff := cmp.Diff(status, w.obj.Status.VaultSync); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	state := dialect.State{Known: true, Ready: true, At: wantStamp(0).Time, Restarted: wantStamp(0).Time}
	if diff := cmp.Diff(state, w.State(w.obj)); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	w.current()
	again, _ := w.Translate(w.obj)
	if again.Schedule.Fingerprint != asked.Schedule.Fingerprint {
		t.Error("what a run writes changes the fingerprint, so that every run causes the next")
	}
	if again.Rollout.Done != updated {
		t.Errorf("the next run takes %q for done", again.Rollout.Done)
	}
}

func TestPeaceIsWrittenDownRarely(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report(restarted(updated), 0)
	for minute := 1; minute <= 60; minute++ {
		if events := w.report(same(updated), time.Duration(minute)*time.Minute); len(events) != 0 {
			t.Errorf("minute %d: events without news: %v", minute, events)
		}
		w.current()
		if age := day(time.Duration(minute) * time.Minute).Sub(w.obj.Status.VaultSync.LastSync.Time); age > 10*time.Minute+time.Second {
			t.Errorf("minute %d: lastSync is %s old", minute, age)
		}
	}
	if got := w.obj.Status.VaultSync; got.SyncStatus != "Already in Sync" || !got.LastRestart.Equal(wantStamp(0)) {
		t.Errorf("status is %+v", got)
	}
	if w.writes > 10 {
		t.Errorf("%d writes in an hour without news", w.writes)
	}
}

func TestAFailureChangesNothingButTheStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report(restarted(updated), 0)
	events := w.report(failure("permission denied"), time.Minute)
	if diff := cmp.Diff([]dialect.Event{{Warning: true, Reason: "SyncError", Message: "permission denied"}}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if w.obj.Spec.TimeStamp != updated {
		t.Errorf("timeStamp is %q after a failure", w.obj.Spec.TimeStamp)
	}
	status := vssv1.VaultSync{
		SyncStatus: "Error", Message: "permission denied", ObservedGeneration: 3, LastSync: wantStamp(0), LastRestart: wantStamp(0),
	}
	if diff := cmp.Diff(status, w.obj.Status.VaultSync); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if s := w.State(w.obj); !s.Known || s.Ready || s.Message != "permission denied" || !s.At.Equal(wantStamp(0).Time) {
		t.Errorf("state is %+v", s)
	}
	if plan, _ := w.Translate(w.obj); !plan.Schedule.Failing {
		t.Error("the schedule does not say that the object fails")
	}
	writes := w.writes
	if events := w.report(failure("permission denied"), 2*time.Minute); len(events) != 0 || w.writes != writes {
		t.Errorf("the same failure again: events %v, %d writes", events, w.writes-writes)
	}
	if events := w.report(failure("sealed"), 3*time.Minute); len(events) != 1 {
		t.Errorf("another failure: events %v", events)
	}
	w.report(restarted(updatedAgain), 4*time.Minute)
	if got := w.obj.Status.VaultSync; got.SyncStatus != "Synced" || got.Message != "" || w.obj.Spec.TimeStamp != updatedAgain {
		t.Errorf("after the failures: %+v, timeStamp %q", got, w.obj.Spec.TimeStamp)
	}
	w.current()
}

func TestACountdownIsNoNews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report(failure("its turn comes in 1m5s"), 0)
	for i, rest := range []string{"59s", "1.5s", "200ms"} {
		if events := w.report(failure("its turn comes in "+rest), time.Duration(i+1)*time.Second); len(events) != 0 || w.writes != 1 {
			t.Errorf("%s: events %v, %d writes; each of them causes a run", rest, events, w.writes)
		}
	}
	if events := w.report(failure("its turn comes never"), time.Minute); len(events) != 1 || w.writes != 2 {
		t.Errorf("other words: events %v, %d writes", events, w.writes)
	}
}

func TestOneRestartLostOnTheWayIsNotRepeated(t *testing.T) {
	t.Parallel()
	// The Deployment was restarted and its record says so, but the operator
	// ended before it could write the object.
	w := newWorld(t)
	w.report(same(updated), 0)
	if got := w.obj.Status.VaultSync; got.SyncStatus != "Already in Sync" || got.LastRestart != nil || w.obj.Spec.TimeStamp != updated {
		t.Errorf("%+v, timeStamp %q", got, w.obj.Spec.TimeStamp)
	}
	w.current()
}

func TestAStatusOfAnotherGenerationSaysNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if s := w.State(w.obj); s.Known {
		t.Errorf("a new object has the state %+v", s)
	}
	w.report(restarted(updated), 0)
	w.obj.Spec.SecretPath = "other"
	w.obj.Generation++
	if s := w.State(w.obj); s.Known {
		t.Errorf("after a change the state is %+v", s)
	}
	// What the original wrote has no generation, and stands.
	w.obj.Status.VaultSync = vssv1.VaultSync{SyncStatus: "Already in Sync"}
	if s := w.State(w.obj); !s.Known || !s.Ready || !s.At.IsZero() {
		t.Errorf("the original's status reads as %+v", s)
	}
	if plan, _ := w.Translate(w.obj); plan.Schedule.Current {
		t.Error("the original's status, without a time, counts as current")
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := failure(strings.Repeat("ä", 10_000))
	events := w.report(long, 0)
	if n := len(events[0].Message); n > 1024 || n != len(w.obj.Status.VaultSync.Message) {
		t.Errorf("an event of %d bytes, a message of %d", n, len(w.obj.Status.VaultSync.Message))
	}
	if again := w.report(long, time.Hour); len(again) != 0 {
		t.Errorf("a message that was cut counts as new: %v", again)
	}
}

// TestAnyStatusDecodes is about what the original's definition lets into a
// status. One object that did not decode would stop the watch for everybody.
func TestAnyStatusDecodes(t *testing.T) {
	t.Parallel()
	for _, status := range []string{
		`{}`, `{vault_sync: {}}`, `{vault_sync: null}`, `{vault_sync: a word}`, `{vault_sync: [1]}`, `{vault_sync: 7}`,
		`{vault_sync: {SyncStatus: 7}}`, `{vault_sync: {SyncStatus: Synced, lastSync: yesterday}}`,
		`{vault_sync: {observedGeneration: 1.5}}`, `{kopf: {progress: {}}}`,
	} {
		obj := &vssv1.VaultSyncStatus{}
		if err := yaml.Unmarshal([]byte("status: "+status), obj); err != nil {
			t.Errorf("%s does not decode: %v", status, err)
		}
		if obj.Status.VaultSync != (vssv1.VaultSync{}) {
			t.Errorf("%s decodes to %+v", status, obj.Status.VaultSync)
		}
	}
}

// TestEveryReaderSharesOneSession: what a session depends on is the same for
// every object, and nothing of it is the reader's own.
func TestEveryReaderSharesOneSession(t *testing.T) {
	t.Parallel()
	one, two := newWorld(t), newWorld(t)
	two.obj.Namespace, two.obj.Spec.DeployNamespace, two.obj.Spec.SecretEngine, two.obj.UID = "other", "other", "kv", "2"
	a, errA := one.Translate(one.obj)
	b, errB := two.Translate(two.obj)
	if errA != nil || errB != nil || len(a.Inline) != 1 {
		t.Fatalf("%v, %v, %d stores", errA, errB, len(a.Inline))
	}
	if diff := cmp.Diff(a.Inline, b.Inline); diff != "" {
		t.Errorf("the stores differ:\n%s", diff)
	}
	if creds := a.Inline[0].Config.Credentials(); len(creds) != 0 {
		t.Errorf("the store refers to %v in the cluster, which may be another for each reader", creds)
	}
}
