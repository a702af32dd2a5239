package doppler_test

import (
	"math/bits"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// TestTheLastGoodSecretSurvives every failure of Doppler's, and all is well
// again when it ends.
func TestTheLastGoodSecretSurvives(t *testing.T) {
	t.Parallel()
	garbage := `{"K": <html>stolen`
	for name, c := range map[string]struct {
		fault testkit.CloudFault
		says  []string
	}{
		"401":              {testkit.CloudFault{Kind: "status", Status: 401, Body: `{"messages":["Invalid Service token"],"success":false}`}, []string{"Doppler Error: Invalid Service token", "401"}},
		"404":              {testkit.CloudFault{Kind: "status", Status: 404, Body: `{"messages":["Could not find requested config 'prd'"],"success":false}`}, []string{"Doppler Error: Could not find requested config 'prd'"}},
		"404 of a proxy":   {testkit.CloudFault{Kind: "status", Status: 404, Body: "<html>nothing here</html>"}, []string{"404"}},
		"403":              {testkit.CloudFault{Kind: "status", Status: 403, Body: `{"messages":["This token does not have access"],"success":false}`}, []string{"Doppler Error: This token does not have access"}},
		"500":              {testkit.CloudFault{Kind: "status", Status: 500, Body: "boom"}, []string{"500"}},
		"503":              {testkit.CloudFault{Kind: "status", Status: 503, Body: `{"messages":["Down for maintenance"],"success":false}`}, []string{"Down for maintenance"}},
		"429":              {testkit.CloudFault{Kind: "status", Status: 429, RetryAfter: "1", Body: `{"messages":["Too many requests"],"success":false}`}, []string{"Too many requests"}},
		"down":             {testkit.CloudFault{Kind: "down"}, []string{"Doppler"}},
		"garbage":          {testkit.CloudFault{Kind: "garbage", Body: garbage}, []string{"not a map of names to texts"}},
		"of another type":  {testkit.CloudFault{Kind: "garbage", Body: `["K","one"]`}, []string{"not a map of names to texts"}},
		"with other types": {testkit.CloudFault{Kind: "garbage", Body: `{"K":{"stolen":1}}`}, []string{"not a map of names to texts"}},
		"empty":            {testkit.CloudFault{Kind: "empty"}, []string{"the answer is empty"}},
		"cut":              {testkit.CloudFault{Kind: "cut"}, []string{"Doppler"}},
		"moved":            {testkit.CloudFault{Kind: "status", Status: 302, Body: "elsewhere"}, []string{"302"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, map[string]string{"K": "one", "L": "other"})
			b.DS("app")
			was := b.Carries("app", "K", "one", "L", "other")
			b.InSync("app")
			c.fault.Scope, c.fault.Path = b.NS, dopplertest.Download
			b.Must(b.Doppler.Fault(t.Context(), c.fault))
			b.Set("K", "two") // or it would be 304
			message := b.Broken("app", c.says...)
			b.Stays(was)
			if strings.Contains(message, "stolen") || strings.Contains(message, b.Token) {
				t.Errorf("it says %q", message)
			}
			b.eventIn(b.NS, "app", "SecretSyncFailed", c.says[0])
			since := b.DopplerSecret("app").Status.LastSync
			b.Must(b.Doppler.Heal(t.Context(), b.NS))
			if name == "401" || name == "403" {
				b.Keep("token", "serviceToken", b.Token, "anew", "yes") // who mends the token is not made to wait
			}
			now := b.Carries("app", "K", "two", "L", "other")
			b.InSync("app")
			if now.UID != was.UID || !since.Before(b.DopplerSecret("app").Status.LastSync) {
				t.Errorf("after it the Secret is %v", now)
			}
		})
	}
}

// TestRetryAfterIsHonoured: no object asks before the time is up, however
// many there are.
func TestRetryAfterIsHonoured(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.Must(b.Doppler.Fault(t.Context(), testkit.CloudFault{Kind: "status", Status: 429, RetryAfter: "4", Scope: b.NS, Body: `{"messages":["Too many requests"],"success":false}`}))
	for _, name := range []string{"a", "b", "c"} {
		b.DS(name)
	}
	for _, name := range []string{"a", "b", "c"} {
		b.Broken(name, "Too many requests")
	}
	b.Eventually(func() error { return check(b.Requests(dopplertest.Download, 429) >= 2, "it was asked once") })
	b.Must(b.Doppler.Heal(t.Context(), b.NS))
	for _, name := range []string{"a", "b", "c"} {
		b.Carries(name, "K", "one")
	}
	all, err := b.Doppler.Requests(t.Context(), b.NS)
	b.Must(err)
	var last time.Time
	for _, r := range all {
		if !last.IsZero() && r.Time.Sub(last) < 4*time.Second {
			t.Errorf("asked again after %v", r.Time.Sub(last))
		}
		last = time.Time{}
		if r.Status == http.StatusTooManyRequests {
			last = r.Time
		}
	}
}

// TestDopplersOwnLimitIsKept: the server counts, and says when to come again.
func TestDopplersOwnLimitIsKept(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.Must(b.Doppler.Limit(t.Context(), b.Token, testkit.DopplerLimits{Reads: 2, SecretReads: 2, Writes: 2, Window: 3 * time.Second}))
	b.DS("app")
	b.Carries("app", "K", "one")
	b.Broken("app", "Too many requests")
	b.InSync("app")
	b.Broken("app", "Too many requests")
	if refused, fine := b.Requests(dopplertest.Download, 429), b.Requests(dopplertest.Download, 200)+b.Requests(dopplertest.Download, 304); refused > fine/2+2 {
		t.Errorf("%d requests were refused, and %d not", refused, fine)
	}
}

// TestARefusedTokenIsNotTriedInALoop: five objects with it ask no more often
// than one.
func TestARefusedTokenIsNotTriedInALoop(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.Must(b.Doppler.Revoke(t.Context(), b.Token))
	way := testkit.NewProxy(t, b.Doppler.Addr, nil)
	start := time.Now()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b.DS(name, "host: "+way.URL)
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b.Broken(name, "Doppler Error: Invalid Service token")
	}
	other := newBed2(t, b)
	other.Polled(3) // meanwhile another's goes on
	tries := 0
	for _, n := range way.Counts() {
		tries += n
	}
	// One, and another when a lockout is over; each is twice as long as the last.
	const lockout = 30 * time.Second
	if tries > 1+bits.Len(uint(time.Since(start)/lockout)) {
		t.Errorf("a revoked token was tried %d times", tries)
	}
}

// newBed2 is another object of the same namespace, with a token of its own.
func newBed2(t *testing.T, b bed) bed {
	t.Helper()
	token, err := b.Doppler.Token(t.Context(), testkit.DopplerToken{Type: "service_token", Project: b.NS, Config: "prd"})
	b.Must(err)
	b.Keep("other", "serviceToken", token)
	b.DS("other", "tokenSecret: {name: other}", "managedSecret: {name: other-app}")
	b.Carries("other-app", "K", "one")
	return b
}

// TestTooMuchForASecret: just what fits is delivered, and one more byte is
// refused with the way out.
func TestTooMuchForASecret(t *testing.T) {
	b := newBed(t, map[string]string{"K": "one"})
	b.DS("app", "secrets: [BIG]")
	b.Broken("app", "none of the secrets that are asked for exists")
	fits := strings.Repeat("x", corev1.MaxSecretSize)
	b.Set("BIG", fits)
	b.Eventually(func() error {
		s := b.Secret("app")
		return check(s != nil && len(s.Data["BIG"]) == len(fits), "it was not delivered; %s", b.Conditions())
	})
	was := b.Secret("app")
	b.Set("BIG", fits+"x")
	b.Broken("app", "1048577 bytes", "at most 1048576")
	b.Stays(was)
}
