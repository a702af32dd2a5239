package sealedsecrets

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// at is the time of the runs in these tests.
func at(offset time.Duration) time.Time {
	return time.Date(2026, 8, 1, 12, 0, 0, 500, time.UTC).Add(offset)
}

const (
	noon    = "2026-08-01T12:00:00Z"
	one     = "2026-08-01T13:00:00Z"
	success = "SealedSecret unsealed successfully"
)

func app() *v1alpha1.SealedSecret {
	return &v1alpha1.SealedSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "app", Generation: 3}}
}

func report(ss *v1alpha1.SealedSecret, out delivery.Outcome, offset time.Duration) []dialect.Event {
	return SealedSecrets().Report(ss, out, at(offset))
}

func failed(kind delivery.ErrorKind, message string) delivery.Outcome {
	return delivery.Outcome{Result: delivery.Failed, Err: &delivery.Error{Kind: kind, Message: message}}
}

func status(state, message, updated, since string) v1alpha1.SealedSecretStatus {
	return v1alpha1.SealedSecretStatus{ObservedGeneration: 3, Conditions: []v1alpha1.Condition{{
		Type: "Synced", Status: state, Message: message, LastUpdateTime: updated, LastTransitionTime: since,
	}}}
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSuccessIsSaidAsTheOriginalSaysIt(t *testing.T) {
	t.Parallel()
	ss := app()
	if s := SealedSecrets().State(ss); s != (dialect.State{}) {
		t.Errorf("before a report the state is %+v", s)
	}
	done := delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Created}}
	check(t, "events", []dialect.Event{{Reason: "Unsealed", Message: success}}, report(ss, done, 0))
	check(t, "status", status("True", "", noon, noon), ss.Status)
	if s := SealedSecrets().State(ss); !s.Known || !s.Ready || !s.At.Equal(at(0).Truncate(time.Second)) {
		t.Errorf("reads back as %+v", s)
	}

	same := delivery.Outcome{Result: delivery.Synced}
	check(t, "events without news", []dialect.Event(nil), report(ss, same, time.Hour))
	check(t, "status without news", status("True", "", noon, noon), ss.Status)

	repaired := delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Updated}}
	check(t, "events of a repair", []dialect.Event{{Reason: "Unsealed", Message: success}}, report(ss, repaired, time.Hour))
	check(t, "status of a repair", status("True", "", one, noon), ss.Status)
}

func TestANewGenerationIsNoted(t *testing.T) {
	t.Parallel()
	ss := app()
	report(ss, delivery.Outcome{Result: delivery.Synced}, 0)
	ss.Generation = 4
	if s := SealedSecrets().State(ss); s.Known {
		t.Errorf("the status of generation 3 counts for generation 4: %+v", s)
	}
	check(t, "events", []dialect.Event(nil), report(ss, delivery.Outcome{Result: delivery.Synced}, time.Hour))
	want := status("True", "", one, noon)
	want.ObservedGeneration = 4
	check(t, "status", want, ss.Status)
}

func TestNotesAreTold(t *testing.T) {
	t.Parallel()
	ss := app()
	events := report(ss, delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Adopted}, Note: "take care"}, 0)
	if len(events) != 2 || events[0].Reason != "Adopted" || !strings.Contains(events[0].Message, managed) || events[1].Reason != "Unsealed" {
		t.Errorf("events: %+v", events)
	}
	message := ss.Status.Conditions[0].Message
	if message != "take care" {
		t.Errorf("message: %q", message)
	}
}

func TestFailuresAreSaidAsTheOriginalSaysThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err                   delivery.ErrorKind
		says                  string
		reason, told, message string
	}{
		"no key": {delivery.Refused, `spec.encryptedData: cannot be opened: "k": of another cluster`,
			"ErrUnsealFailed", `Failed to unseal: no key could decrypt secret: "k": of another cluster`, `no key could decrypt secret: "k": of another cluster`},
		"malformed": {delivery.Malformed, `spec.encryptedData: cannot be opened: "k": cut short`,
			"ErrUnsealFailed", `Failed to unseal: spec.encryptedData: cannot be opened: "k": cut short`, `spec.encryptedData: cannot be opened: "k": cut short`},
		"no keys yet": {delivery.Unavailable, "may not read", "ErrUnsealFailed", "Failed to unseal: may not read", "may not read"},
		"template":    {delivery.ShapeFailed, "line 1", "ErrUnsealFailed", "Failed to unseal: line 1", "line 1"},
		"manifest":    {delivery.Unsupported, "spec.data: no", "ErrUnsealFailed", "Failed to unseal: spec.data: no", "spec.data: no"},
		"not ours": {delivery.TargetControlled, `Resource "app" already exists and is not managed by SealedSecret`,
			"ErrUpdateFailed", `Resource "app" already exists and is not managed by SealedSecret`,
			`failed update: Resource "app" already exists and is not managed by SealedSecret`},
		"immutable": {delivery.TargetImmutable, "delete it", "ErrUpdateFailed", "delete it", "delete it"},
		"refused":   {delivery.WriteFailed, "quota", "ErrUpdateFailed", "quota", "quota"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ss := app()
			report(ss, delivery.Outcome{Result: delivery.Synced}, 0)
			want := []dialect.Event{{Warning: true, Reason: c.reason, Message: c.told}}
			check(t, "events", want, report(ss, failed(c.err, c.says), time.Hour))
			check(t, "status", status("False", c.message, one, one), ss.Status)
			check(t, "events of the same failure", []dialect.Event(nil), report(ss, failed(c.err, c.says), 2*time.Hour))
			check(t, "status of the same failure", status("False", c.message, one, one), ss.Status)
			if s := SealedSecrets().State(ss); !s.Known || s.Ready || s.Message != c.message || !s.At.IsZero() {
				t.Errorf("reads back as %+v", s)
			}
			// The original left the first message standing.
			report(ss, failed(c.err, "another"), 2*time.Hour)
			if got := ss.Status.Conditions[0]; !strings.HasSuffix(got.Message, "another") || got.LastTransitionTime != one {
				t.Errorf("of another failure the condition says %+v", got)
			}
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	ss := app()
	events := report(ss, failed(delivery.Malformed, strings.Repeat("x", 10<<10)), 0)
	if n := len(events[0].Message); n > dialect.MaxEventMessage {
		t.Errorf("an event of %d bytes", n)
	}
	if n := len(ss.Status.Conditions[0].Message); n > dialect.MaxMessage {
		t.Errorf("a condition of %d bytes", n)
	}
}

func TestWrongKind(t *testing.T) {
	t.Parallel()
	if _, err := SealedSecrets().Translate(&corev1.Secret{}); delivery.KindOf(err) != delivery.Invalid {
		t.Errorf("a Secret is translated: %v", err)
	}
}
