package vault

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// owning is a server that knows a user's own token.
func owning(t *testing.T, own *stubToken, change func(*stub)) *stub {
	t.Helper()
	s, b := lending(t, nil)
	_ = b.Close(t.Context())
	s.set(func(s *stub) {
		s.tokens, s.calls = map[string]*stubToken{"hvs.own": own}, nil
		if change != nil {
			change(s)
		}
	})
	return s
}

// with opens a session with a user's own token, on the test's own clock.
func (s *stub) with(t *testing.T, token string) *store {
	t.Helper()
	b, err := Open(t.Context(), delivery.VaultConfig{
		Server: "http://vault",
		Auth:   delivery.VaultAuth{Token: &delivery.Credential{Kind: delivery.FromSecret, Name: "token"}},
	}, backendtest.Credentials{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	st := b.(*store)
	st.caller.wire = wire.New("Vault", direct{s})
	return st
}

// keep has the holder look in time for as long as that.
func (h *holder) keep(t *testing.T, d time.Duration) {
	t.Helper()
	for until := time.Now().Add(d); ; {
		wait := min(time.Until(h.looks), time.Until(until))
		if wait > 0 {
			time.Sleep(wait)
		}
		if !time.Now().Before(until) {
			return
		}
		h.look(t)
	}
}

// TestUsersTokenNearItsEndIsNoReasonForNewCredentials: they would last no longer.
func TestUsersTokenNearItsEndIsNoReasonForNewCredentials(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fixed  bool
		change func(*stub)
	}{
		"renewed to its end":   {},
		"renewals denied":      {change: func(s *stub) { s.noRenew = true }},
		"not to be renewed":    {fixed: true},
		"Vault does not renew": {change: func(s *stub) { s.renewals = 503 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				end := time.Now().Add(time.Hour)
				s := owning(t, &stubToken{ends: end, last: end, fixed: c.fixed}, c.change)
				h := &holder{store: s.with(t, "hvs.own")}
				time.Sleep(10 * time.Minute)
				h.take(t)
				if h.lease.Duration != 50*time.Minute {
					t.Errorf("lent %+v, want what is left of the token", h.lease)
				}
				for time.Until(end) > time.Second {
					h.look(t)
					time.Sleep(time.Minute)
				}
				if n := s.count(creds); n != 1 {
					t.Errorf("new credentials were taken %d times", n-1)
				}
				if n := s.count(lookup) + s.count(renew); n > 60 {
					t.Errorf("the token was looked at or renewed %d times", n)
				}
				_ = h.Close(t.Context())
			})
		})
	}
}

// TestARestartTakesNoNewCredentialsOnTheUsersToken: the next session goes on
// with the same token, and renews it.
func TestARestartTakesNoNewCredentialsOnTheUsersToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ttl, max time.Duration
		change   func(*stub)
	}{
		"by periods":         {ttl: time.Hour, change: func(s *stub) { s.period = true }},
		"by short periods":   {ttl: 10 * time.Minute, change: func(s *stub) { s.period, s.renewTo = true, 10*time.Minute }},
		"to be renewed":      {ttl: time.Hour},
		"with a last end":    {ttl: time.Hour, max: 14 * time.Hour},
		"renewals denied":    {ttl: 14 * time.Hour, change: func(s *stub) { s.noRenew = true }},
		"for ever, in short": {ttl: 8760 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				own := &stubToken{ends: time.Now().Add(c.ttl)}
				if c.max > 0 {
					own.last = time.Now().Add(c.max)
				}
				s := owning(t, own, c.change)
				h := &holder{store: s.with(t, "hvs.own")}
				h.take(t)
				for range 6 {
					h.keep(t, 2*time.Hour)
					_ = h.Close(t.Context())
					h.store = s.with(t, "hvs.own")
					h.look(t)
				}
				h.keep(t, time.Hour)
				if n := s.count(creds); n != 1 || s.live() != 1 {
					t.Errorf("credentials were taken %d times, and %d are good", n, s.live())
				}
				_ = h.Close(t.Context())
			})
		})
	}
}

// TestALeaseOnAUsersFormerTokenEndsWithThat: who exchanges a token in time gets
// new credentials in time.
func TestALeaseOnAUsersFormerTokenEndsWithThat(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]time.Duration{"sooner": 20 * time.Minute, "later": 8 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				end := time.Now().Add(2 * time.Hour)
				s := owning(t, &stubToken{ends: end, last: end}, nil)
				first := s.with(t, "hvs.own")
				lease := borrow(t, first)
				_ = first.Close(t.Context())
				time.Sleep(95 * time.Minute)
				s.set(func(s *stub) { s.tokens["hvs.next"] = &stubToken{ends: time.Now().Add(next)} })
				second := s.with(t, "hvs.next")
				for range 2 {
					granted, err := second.Renew(t.Context(), lease)
					if want := time.Until(end); err != nil || granted.Duration != want || granted.Until != lease.Until {
						t.Errorf("granted %+v, %v; want %v, what is left of its token", granted, err, want)
					}
					if next > time.Hour {
						borrow(t, second) // which has its own token renewed
					}
				}
				_ = second.Close(t.Context())
			})
		})
	}
}
