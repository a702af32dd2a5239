package rollouts_test

import (
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// TestAChangeThatNobodySeesToIsTakenOver: the operator that recorded last what
// the workload runs with is gone, and the one that left it to that is not.
func TestAChangeThatNobodySeesToIsTakenOver(t *testing.T) {
	t.Parallel()
	b := served(t, auto)
	b.operate(func(s *setup) { s.Patience = 300 * time.Millisecond })
	before := b.recorded("Deployment", "web", "Secret/app")
	second := b.operate(func(s *setup) { s.key = secret.Key{9} })
	b.event("web", "ReloadContested", `field manager "tacit"`)
	second.stop()
	if now := b.recorded("Deployment", "web", "Secret/app"); now["Secret/app"] == before["Secret/app"] {
		t.Fatal("the second operator recorded nothing")
	}
	b.secret("app", "two")
	mark := b.marked("web", variable, "")
	b.secret("app", "three") // it is the first one's again
	b.marked("web", variable, mark)
	b.settled()
	b.sets("web", 3)
}
