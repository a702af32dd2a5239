package dialecttest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// Copies checks a language whose objects have no status: it tells of copies
// by events of the reasons done and failed alone.
func Copies(t *testing.T, language dialect.Deliveries, done, failed string) {
	t.Helper()
	obj := language.Kind().New()
	got := language.Report(obj, delivery.Outcome{
		Result: delivery.Failed, Err: &delivery.Error{Kind: delivery.Invalid, Message: "why"}, Destination: delivery.DestinationOutcome{Change: delivery.Created, Written: 1, Places: 1},
	}, time.Unix(0, 0))
	want := []dialect.Event{
		{Reason: done, Message: "1 copy written; 1 in place"}, {Warning: true, Reason: failed, Message: "why"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if s := language.State(obj); s != (dialect.State{}) {
		t.Errorf("state = %+v", s)
	}
}
