package vault

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// direct calls a handler without a network, which would hold up the clock of
// a synctest.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// lending is a session on the test's own clock that has taken out a lease.
func lending(t *testing.T, change func(*stub)) (*stub, *store) {
	t.Helper()
	s := &stub{
		runs: true, ttl: time.Hour, renewTo: time.Hour,
		tokens: map[string]*stubToken{}, namespace: map[string]string{}, leases: map[string]string{},
	}
	if change != nil {
		change(s)
	}
	credential := delivery.Credential{Kind: delivery.FromSecret, Name: "secret"}
	b, err := Open(t.Context(), delivery.VaultConfig{
		Server: "http://vault", Auth: delivery.VaultAuth{AppRole: &delivery.VaultAppRole{
			Mount: "approle", RoleID: "role-1", SecretID: credential,
		}},
	}, backendtest.Credentials{"secret": "secret-1"})
	if err != nil {
		t.Fatal(err)
	}
	st := b.(*store)
	st.caller.wire = wire.New("Vault", direct{s})
	borrow(t, st)
	return s, st
}

func borrow(t *testing.T, b backend.Backend) delivery.Lease {
	t.Helper()
	doc, err := b.Read(t.Context(), backend.Ref{Key: "database/creds/app"})
	if err != nil || doc.Lease.IsZero() {
		t.Fatalf("lease %+v, %v", doc.Lease, err)
	}
	return doc.Lease
}

// live is how many leases have a token that is good.
func (s *stub) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	n := 0
	for lease := range s.leases {
		if s.good(lease) {
			n++
		}
	}
	return n
}

func TestATokenThatLendsIsKeptAliveThoughNobodyCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, nil)
		time.Sleep(24*time.Hour + time.Minute)
		if s.live() != 1 {
			t.Error("after a day the lease has ended with its token")
		}
		wantCounts(t, s, map[string]int{login: 1, renew: 25}) // at first, and every hour
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		if s.live() != 1 {
			t.Error("the lease did not outlive the session for as long as the token lasts")
		}
		wantCounts(t, s, map[string]int{login: 1, renew: 25, revoke: 0})
	})
}

func TestATokenThatDoesNotLendIsLeftAloneWhenNobodyCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.leases["other"] = "" })
		_ = b.Close(t.Context())
		s.calls = nil
		st, err := Open(t.Context(), b.cfg, backendtest.Credentials{"secret": "secret-1"})
		if err != nil {
			t.Fatal(err)
		}
		st.(*store).caller.wire = wire.New("Vault", direct{s})
		if err := st.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		wantCounts(t, s, map[string]int{login: 1, renew: 0})
	})
}

func TestAPassingFailureIsNoReasonToLogInAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, nil)
		s.set(func(s *stub) { s.renewals = 503 })
		time.Sleep(100 * time.Minute)
		wantCounts(t, s, map[string]int{login: 1})
		if n := s.count(renew); n < 3 || n > 10 {
			t.Errorf("%d renewals were tried in forty minutes", n)
		}
		s.set(func(s *stub) { s.renewals = 0 })
		time.Sleep(24 * time.Hour)
		wantCounts(t, s, map[string]int{login: 1})
		if s.live() != 1 {
			t.Error("the lease has ended with its token, which could have been renewed")
		}
		_ = b.Close(t.Context())
	})
}

// TestADeniedRenewalIsNoReasonToLogInEachTime: every log-in leaves a token.
func TestADeniedRenewalIsNoReasonToLogInEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.noRenew = true })
		for range 20 {
			if lease := borrow(t, b); time.Until(lease.Until) < 30*time.Minute {
				t.Errorf("lent %+v on a token near its end", lease)
			}
			time.Sleep(time.Minute)
		}
		wantCounts(t, s, map[string]int{login: 1, renew: 1})
		time.Sleep(10 * time.Minute)
		borrow(t, b) // half of its time is over
		wantCounts(t, s, map[string]int{login: 2})
		_ = b.Close(t.Context())
	})
}

func TestATokenWhoseTimeIsOverIsReplacedOnceNeeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, nil)
		s.set(func(s *stub) { s.renewals = 503 })
		time.Sleep(24 * time.Hour)
		if n := s.count(renew); n > 40 {
			t.Errorf("%d renewals were tried of a token that has ended", n)
		}
		if s.live() != 0 {
			t.Error("a lease has outlived its token")
		}
		s.set(func(s *stub) { s.renewals = 0 })
		borrow(t, b)
		time.Sleep(24 * time.Hour)
		if s.live() != 1 {
			t.Error("the new lease was not kept alive")
		}
		_ = b.Close(t.Context())
	})
}

func TestNearItsLastEndATokenThatLendsIsReplacedAndNotRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.max = 90 * time.Minute })
		time.Sleep(46 * time.Minute)
		wantCounts(t, s, map[string]int{login: 2, renew: 2, revoke: 0})
		if s.live() != 1 {
			t.Error("the lease ended before its token's last end")
		}
		// The new token lends nothing yet, so that nothing keeps it alive.
		time.Sleep(24 * time.Hour)
		wantCounts(t, s, map[string]int{login: 2, renew: 2})
		_ = b.Close(t.Context())
	})
}

func TestATokenThatLendsIsNotRevokedForBeingDeniedEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := lending(t, func(s *stub) { s.noLookup = true })
		b.cfg.KV, b.mount = 2, mount{path: "secret", kv: 2}
		s.set(func(s *stub) { s.deny = true })
		if _, err := b.Read(t.Context(), db); backend.KindOf(err) != backend.Refused {
			t.Errorf("got %v", err)
		}
		// It may have been forgotten: there is one more log-in to find out.
		wantCounts(t, s, map[string]int{login: 2, revoke: 0})
		if s.live() != 1 {
			t.Error("the lease has ended")
		}
		_ = b.Close(t.Context())
	})
}
