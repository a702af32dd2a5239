package dialect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

func TestCopyEventsTellOfChangesAndRefusals(t *testing.T) {
	t.Parallel()
	failure := &delivery.Error{Kind: delivery.WriteFailed, Message: "why"}
	refused := func(n int) (all []delivery.Refusal) {
		for i := range n {
			all = append(all, delivery.Refusal{Place: delivery.Place{Namespace: fmt.Sprintf("n%d", i), Name: "s"}, Err: failure})
		}
		return all
	}
	for name, c := range map[string]struct {
		out  delivery.Outcome
		want []dialect.Event
	}{
		"nothing new": {delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Places: 3}}, nil},
		"written": {delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Created, Places: 3, Written: 2}},
			[]dialect.Event{{Reason: "Done", Message: "2 copies written; 3 in place"}}},
		"removed": {delivery.Outcome{Result: delivery.Synced, Destination: delivery.DestinationOutcome{Change: delivery.Removed, Places: 1}},
			[]dialect.Event{{Reason: "Done", Message: "copies removed; 1 left in place"}}},
		"failed": {delivery.Outcome{Result: delivery.Failed, Err: failure},
			[]dialect.Event{{Warning: true, Reason: "Failed", Message: "why"}}},
		"some refused": {delivery.Outcome{Result: delivery.Failed, Err: failure, Destination: delivery.DestinationOutcome{Change: delivery.Updated, Places: 4, Written: 1, Refused: refused(1)}},
			[]dialect.Event{{Reason: "Done", Message: "1 copy written; 4 in place"},
				{Warning: true, Reason: "Failed", Message: "1 of 5 copies could not be made: n0/s: why"}}},
		"many refused": {delivery.Outcome{Result: delivery.Failed, Err: failure, Destination: delivery.DestinationOutcome{Refused: refused(300)}},
			[]dialect.Event{{Warning: true, Reason: "Failed",
				Message: "300 of 300 copies could not be made: n0/s: why; n1/s: why; n2/s: why; n3/s: why; n4/s: why; and 295 more"}}},
	} {
		if diff := cmp.Diff(c.want, dialect.CopyEvents(c.out, "Done", "Failed")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnEventFitsAndNamesEachPlace(t *testing.T) {
	t.Parallel()
	long := &delivery.Error{Message: strings.Repeat("ö", 2000)}
	out := delivery.Outcome{Result: delivery.Failed, Err: long}
	for i := range 9 {
		out.Destination.Refused = append(out.Destination.Refused, delivery.Refusal{Place: delivery.Place{Namespace: fmt.Sprintf("n%d", i), Name: "s"}, Err: long})
	}
	for _, o := range []delivery.Outcome{out, {Result: delivery.Failed, Err: long}} {
		message := dialect.CopyEvents(o, "Done", "Failed")[0].Message
		if len(message) > 1024 || strings.ToValidUTF8(message, "?") != message {
			t.Errorf("%d bytes: %q", len(message), message)
		}
		for i := range min(5, len(o.Destination.Refused)) {
			if place := fmt.Sprintf("n%d/s: ö", i); !strings.Contains(message, place) {
				t.Errorf("%q is not named in %q", place, message)
			}
		}
	}
}

func TestAFingerprintIsOfTheNamedAnnotations(t *testing.T) {
	t.Parallel()
	sum := func(a map[string]string) string { return dialect.Fingerprint(a, "a", "b") }
	base := sum(map[string]string{"a": "1", "b": "2"})
	if other := sum(map[string]string{"b": "2", "c": "3", "a": "1"}); other != base {
		t.Error("an annotation that nobody looks at changes it")
	}
	for name, other := range map[string]map[string]string{
		"value": {"a": "1", "b": "3"}, "absent": {"a": "1"}, "empty": {"a": "1", "b": ""}, "shifted": {"a": "1\"=\"b", "b": "2"},
	} {
		if sum(other) == base {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
}
