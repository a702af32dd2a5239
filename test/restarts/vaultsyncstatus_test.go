package restarts

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// TestATroubledVaultRestartsNobody: whatever it answers that is not a time, the
// Deployment runs on, the time stamp stays, and the status says why. The
// original restarted for some of it, and crashed.
func TestATroubledVaultRestartsNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.Fault
		says  string
	}{
		"down":           {testkit.Down(), "cannot reach"},
		"cut":            {testkit.Cut(), "cut off"},
		"sealed":         {testkit.Status(503, asJSON, `{"errors":["Vault is sealed"]}`), "Vault is sealed"},
		"denied":         {testkit.Status(403, asJSON, `{"errors":["permission denied"]}`), "permission denied"},
		"throttled":      {testkit.Status(429, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}, `{"errors":["rate limit quota exceeded"]}`), "rate limit quota"},
		"internal error": {testkit.Status(500, asJSON, `{"errors":["storage"]}`), "storage"},
		"a proxy's 404":  {testkit.Status(404, nil, "<html>"), "HTTP 404"},
		"deleted":        {testkit.Status(404, asJSON, `{"errors":[]}`), "does not exist"},
		"empty":          {testkit.Empty(), ""},
		"garbage":        {testkit.Garbage(), ""},
		"no time":        {testkit.Status(200, asJSON, `{"data":{"current_version":2}}`), ""},
		"no data":        {testkit.Status(200, asJSON, `{"data":null}`), ""},
		"a wrong time":   {testkit.Status(200, asJSON, `{"data":{"current_version":2,"updated_time":"soon"}}`), ""},
		"a list":         {testkit.Status(200, asJSON, `{"data":{"current_version":2,"updated_time":["2026-01-01T00:00:00Z"]}}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			proxy := testkit.NewProxy(t, b.VaultAddr, nil)
			b.VaultAddr = proxy.URL
			b.serve()
			b.everything()
			b.apply(deployment("looked", "", "none"))
			b.sets("looked", 1)
			b.apply(`
apiVersion: stable.example.com/v1
kind: VaultSyncStatus
metadata: {name: looks}
spec: {deployName: looked, deployNamespace: $NS, secretEngine: secret, secretPath: $NS/read, timeStamp: "0000-00-00T00:00:00.000000000Z"}
`)
			stamp := b.stamped("")
			b.sets("looked", 2)
			proxy.Set(c.fault.OnPrefix("/v1/secret/metadata/"))
			b.Put("read", map[string]any{"k": "two"})
			b.Eventually(func() error {
				s := b.looks().Status.VaultSync
				if s.SyncStatus != "Error" || !strings.Contains(s.Message, c.says) {
					return fmt.Errorf("it is %+v, want an error with %q", s, c.says)
				}
				return nil
			})
			if got := b.looks().Spec.TimeStamp; got != stamp {
				t.Errorf("the time stamp became %s", got)
			}
			b.settled()
			b.sets("looked", 2)
			proxy.Set(testkit.None)
			b.stamped(stamp)
			b.sets("looked", 3)
		})
	}
}

// TestAVaultSyncStatusTellsWhatItDid by events on itself and on the Deployment.
func TestAVaultSyncStatusTellsWhatItDid(t *testing.T) {
	b := newBed(t)
	start := time.Now().Truncate(time.Second)
	b.serve()
	b.rolling()
	b.Event("looks", "Synced", "restarted Deployment")
	b.Event("looked", "Reloaded", "VaultSyncStatus")
	v := b.looks()
	s := v.Status.VaultSync
	if s.LastRestart == nil || s.LastSync == nil || s.LastRestart.Time.Before(start) {
		t.Errorf("its status is %+v", s)
	}
}

// TestAManifestThatIsAppliedAgainIsLookedAtAtOnce: kubectl apply puts the time
// stamp of the manifest back, and the status is about what was before.
func TestAManifestThatIsAppliedAgainIsLookedAtAtOnce(t *testing.T) {
	b := newBed(t)
	b.serve(func(o *operator.Options) { o.Languages.VaultSyncStatus.Interval = time.Hour })
	b.rolling()
	for range 2 {
		stamp := b.looks().Spec.TimeStamp
		v := b.looks()
		before := client.MergeFrom(v.DeepCopy())
		v.Spec.TimeStamp = "0000-00-00T00:00:00.000000000Z"
		b.must(b.Patch(b.T.Context(), v, before))
		b.Eventually(func() error {
			v := b.looks()
			if s := v.Status.VaultSync; v.Spec.TimeStamp != stamp || s.ObservedGeneration != v.Generation {
				return fmt.Errorf("it is %+v of generation %d with time stamp %s", s, v.Generation, v.Spec.TimeStamp)
			}
			return nil
		})
	}
}
