package controller

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func TestWhatAStoreSaysReachesItsOutcome(t *testing.T) {
	t.Parallel()
	for kind, want := range map[backend.Kind]delivery.ErrorKind{
		// A store that is not there is no secret that is not there: nothing
		// may be deleted for it.
		backend.NotFound: delivery.Misconfigured, backend.Misconfigured: delivery.Misconfigured,
		backend.Refused: delivery.Refused, backend.Throttled: delivery.Throttled,
		backend.Malformed: delivery.Malformed, backend.Unsupported: delivery.Unsupported,
		backend.Unavailable: delivery.Unavailable, "unheard of": delivery.Unavailable,
	} {
		err := fmt.Errorf("outer: %w", &backend.Error{Kind: kind, Message: "its own words", RetryAfter: time.Minute})
		got := storeError(err)
		if got.Kind != want || got.Message != "its own words" || got.RetryAfter != time.Minute || !errors.Is(got, err) {
			t.Errorf("%s: %s %q, again after %s", kind, got.Kind, got.Message, got.RetryAfter)
		}
	}
	if got := storeError(errors.New("canary-7f3a")); got.Kind != delivery.Unavailable || got.Message != "the store does not answer" {
		t.Errorf("unclassified: %s %q", got.Kind, got.Message)
	}
}
