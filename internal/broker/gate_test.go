package broker

import (
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
)

func TestWhatAStoreAskedForOutlivesTheSession(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	asked := &patience{}
	before, after := gate{first: time.Minute, max: time.Hour, asked: asked}, gate{first: time.Minute, max: time.Hour, asked: asked}
	before.learn(now, &backend.Error{Kind: backend.Throttled, RetryAfter: 4 * time.Second})
	if err := after.pass(now.Add(3 * time.Second)); backend.KindOf(err) != backend.Throttled {
		t.Errorf("new credentials ask before the time is up: %v", err)
	}
	before.learn(now, &backend.Error{Kind: backend.Refused, LoggedOut: true})
	if err := after.pass(now.Add(5 * time.Second)); err != nil {
		t.Errorf("new credentials wait for what the old ones were refused: %v", err)
	}
	if before.pass(now.Add(5*time.Second)) == nil {
		t.Error("the refused credentials are tried again at once")
	}
}
