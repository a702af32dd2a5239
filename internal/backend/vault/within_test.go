package vault

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// holder keeps one lease as the operator does: it looks at every third of what
// it was given, and takes another when less than half is granted.
type holder struct {
	*store
	lease delivery.Lease
	looks time.Time
}

func (h *holder) take(t *testing.T) {
	t.Helper()
	h.lease = borrow(t, h.store)
	h.looks = time.Now().Add(h.lease.Duration / 3)
}

func (h *holder) look(t *testing.T) {
	t.Helper()
	granted, err := h.Renew(t.Context(), h.lease)
	if err != nil {
		t.Fatalf("the lease is gone: %v", err)
	}
	if granted.Duration < h.lease.Duration/2 {
		h.take(t)
		return
	}
	h.lease.Duration, h.lease.Until = max(h.lease.Duration, granted.Duration), granted.Until
	h.looks = time.Now().Add(h.lease.Duration / 3)
}

// TestALeaseNeverOutlivesItsTokenUnnoticed: whatever the life of tokens, what
// is held is good at every moment of a day, and is not replaced needlessly.
func TestALeaseNeverOutlivesItsTokenUnnoticed(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		change  func(*stub)
		takes   int // at most
		renewed int // renewals of the token at most
	}{
		"long":                 {func(s *stub) { s.ttl, s.renewTo = 768*time.Hour, 768*time.Hour }, 1, 0},
		"shorter, without end": {func(s *stub) { s.ttl, s.renewTo = 10*time.Minute, 10*time.Minute }, 1, 26},
		"shorter, with a far end": {func(s *stub) {
			s.ttl, s.renewTo, s.max = 20*time.Minute, 20*time.Minute, 8*time.Hour
		}, 4, 40},
		"with a near end": {func(s *stub) {
			s.ttl, s.renewTo, s.max = 20*time.Minute, 20*time.Minute, 30*time.Minute
		}, 90, 200},
		"as long as the lease": {func(s *stub) { s.max = time.Hour }, 45, 100},
		"by periods":           {func(s *stub) { s.ttl, s.renewTo, s.period = 10*time.Minute, 10*time.Minute, true }, 1, 300},
		"batch":                {func(s *stub) { s.batch, s.ttl = true, 30*time.Minute }, 100, 0},
		"renewals denied":      {func(s *stub) { s.noRenew, s.ttl = true, 30*time.Minute }, 80, 160},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, b := lending(t, c.change)
				h := &holder{store: b}
				h.take(t)
				for start := time.Now(); time.Since(start) < day; time.Sleep(5 * time.Second) {
					s.mu.Lock()
					s.turn()
					good := s.good(h.lease.ID)
					s.mu.Unlock()
					if !good {
						t.Fatalf("after %v it holds a lease that ended with its token", time.Since(start))
					}
					if !time.Now().Before(h.looks) {
						h.look(t)
					}
				}
				if n := s.count(creds) - 1; n > c.takes { // the first is lending's
					t.Errorf("taken %d times in a day, more than %d", n, c.takes)
				}
				if n := s.count(renew); n > c.renewed {
					t.Errorf("the token was renewed %d times in a day, more than %d", n, c.renewed)
				}
				_ = b.Close(t.Context())
			})
		})
	}
}

// TestALeaseThatAnotherSessionTookOutEndsWithItsToken, which this one knows of
// only if it was recorded.
func TestALeaseThatAnotherSessionTookOutEndsWithItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, first := lending(t, func(s *stub) { s.max = 70 * time.Minute })
		lease := borrow(t, first)
		if want := 70 * time.Minute; time.Until(lease.Until) != want || lease.Duration != time.Hour {
			t.Errorf("lent %+v, want until %v from now", lease, want)
		}
		_ = first.Close(t.Context())
		time.Sleep(25 * time.Minute)
		b, err := Open(t.Context(), first.cfg, backendtest.Credentials{"secret": "secret-1"})
		if err != nil {
			t.Fatal(err)
		}
		second := b.(*store)
		second.caller.wire = wire.New("Vault", direct{s})
		granted, err := second.Renew(t.Context(), lease)
		if err != nil || granted.Duration != 45*time.Minute || granted.Until != lease.Until {
			t.Errorf("granted %+v, %v; want what is left of its token", granted, err)
		}
		lease.Until = time.Time{}
		granted, err = second.Renew(t.Context(), lease)
		if err != nil || granted.Duration != time.Hour || !granted.Until.IsZero() {
			t.Errorf("granted %+v, %v; want what Vault says, for nothing else is known", granted, err)
		}
		time.Sleep(time.Hour)
		if _, err = second.Renew(t.Context(), lease); backend.KindOf(err) != backend.NotFound || errors.Is(err, nil) {
			t.Errorf("after its token's end: %v", err)
		}
	})
}

// TestALeaseThatWasCutGrowsBack: one renewal of its token that fails must not
// cost a renewal of the lease every few minutes for ever.
func TestALeaseThatWasCutGrowsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.ttl, s.renewals = 20*time.Minute, 503 })
		h := &holder{store: b}
		h.take(t)
		if h.lease.Duration != 20*time.Minute {
			t.Errorf("lent %+v, want what is left of the token", h.lease)
		}
		s.set(func(s *stub) { s.renewals = 0 })
		for start := time.Now(); time.Since(start) < 24*time.Hour; time.Sleep(time.Until(h.looks)) {
			h.look(t)
		}
		if n := s.count(renewLease); h.lease.Duration != time.Hour || n > 80 {
			t.Errorf("renewed %d times in a day, at last for %v", n, h.lease.Duration)
		}
		if n := s.count(renew); n > 30 {
			t.Errorf("the token was renewed %d times in a day", n)
		}
		wantCounts(t, s, map[string]int{login: 1, creds: 2}) // the first is lending's
		_ = b.Close(t.Context())
	})
}

// TestATokenThatLivesLongerAtLastIsReplacedInTime, measured by what it was
// given then.
func TestATokenThatLivesLongerAtLastIsReplacedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.ttl, s.max, s.renewals = 20*time.Minute, 3*time.Hour, 503 })
		s.set(func(s *stub) { s.renewals = 0 })
		time.Sleep(2 * time.Hour)
		wantCounts(t, s, map[string]int{login: 1})
		time.Sleep(10 * time.Minute) // less than three quarters of two hours are left
		wantCounts(t, s, map[string]int{login: 2})
		_ = b.Close(t.Context())
	})
}
