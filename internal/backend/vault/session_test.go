package vault

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

var db = backend.Ref{Key: "db"}

func mustRead(t *testing.T, b backend.Backend) {
	t.Helper()
	if _, err := b.Read(t.Context(), db); err != nil {
		t.Fatalf("Read: %v", err)
	}
}

func wantCounts(t *testing.T, s *stub, want map[string]int) {
	t.Helper()
	for call, n := range want {
		if got := s.count(call); got != n {
			t.Errorf("%s: %d times, want %d", call, got, n)
		}
	}
}

func TestManyCallersShareOneLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b := s.open(t, "")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { mustRead(t, b) })
	}
	close(gate)
	group.Wait()
	wantCounts(t, s, map[string]int{login: 1, get: 50, lookup: 0})
}

func TestFirstCallerWhoGivesUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b := s.open(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := b.Read(ctx, db)
		first <- err
	}()
	<-s.atLogin
	second := make(chan error)
	go func() {
		_, err := b.Read(t.Context(), db)
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller got %v", err)
	}
	close(gate)
	if err := <-second; err != nil {
		t.Errorf("the second caller got %v", err)
	}
	wantCounts(t, s, map[string]int{login: 1})
}

func TestTokenIsRenewedAfterTwoThirdsOfItsTime(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	s.pass(39 * time.Minute)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 1, renew: 0})
	s.pass(time.Minute)
	for range 3 {
		mustRead(t, b)
	}
	wantCounts(t, s, map[string]int{login: 1, renew: 1})
	s.pass(50 * time.Minute) // past the end of the first token's time
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 1, renew: 2})
}

func TestTokenNearItsLastEndIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.renewTo = 20 * time.Minute }) // of 60: the maximum is near
	b := s.open(t, "")
	mustRead(t, b)
	s.pass(40 * time.Minute)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 2, renew: 1})
}

func TestTokenStaysInUseWhenNothingElseWorks(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	s.set(func(s *stub) { s.noRenew, s.noLogin = true, 503 })
	s.pass(40 * time.Minute)
	for range 5 {
		mustRead(t, b)
	}
	wantCounts(t, s, map[string]int{login: 2, renew: 1})
	s.pass(6 * time.Minute) // a quarter of what was left
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 3, renew: 2})
	s.set(func(s *stub) { s.noLogin = 0 })
	s.pass(time.Hour)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 4})
}

func TestCheckProvesATokenWhoseRefreshFailed(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	s.set(func(s *stub) { s.noRenew, s.noLogin = true, 503 })
	s.pass(40 * time.Minute)
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("the token is still good: %v", err)
	}
	wantCounts(t, s, map[string]int{login: 2, lookup: 1})
	s.revokeAll()
	if err := b.Check(t.Context()); backend.KindOf(err) != backend.Unavailable || err == nil {
		t.Errorf("the token is gone and log-ins do not work: %v", err)
	}
}

func TestIdleTokenThatEndedIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	s.pass(2 * time.Hour)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 2, renew: 0, lookup: 0})
}

func TestRevokedTokenCostsOneLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	s.revokeAll()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { mustRead(t, b) })
	}
	group.Wait()
	wantCounts(t, s, map[string]int{login: 2})
	if n := s.count(lookup); n > 3 {
		t.Errorf("%d lookups for one revoked token", n)
	}
}

func TestDeniedReadIsNoReasonToLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	s.set(func(s *stub) { s.deny = true })
	_, err := b.Read(t.Context(), db)
	var e *backend.Error
	if !errors.As(err, &e) || e.Kind != backend.Refused || e.LoggedOut {
		t.Errorf("got %#v, want Refused without LoggedOut", err)
	}
	wantCounts(t, s, map[string]int{login: 1, lookup: 1, get: 1})
}

func TestDeniedLookupsDoNotLeadToLogInAfterLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	s.set(func(s *stub) { s.deny, s.noLookup = true, true })
	for range 5 {
		_, err := b.Read(t.Context(), db)
		if backend.KindOf(err) != backend.Refused {
			t.Errorf("got %v", err)
		}
	}
	// One more log-in to find out; what it replaced was revoked.
	wantCounts(t, s, map[string]int{login: 2, revoke: 1, get: 6})
	if err := b.Check(t.Context()); !errors.Is(err, backend.ErrUndecided) {
		t.Errorf("Check: %v, want undecided", err)
	}
	s.set(func(s *stub) { s.deny = false })
	mustRead(t, b)
	s.revokeAll()
	s.pass(2 * time.Minute)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{login: 3})
}

func TestRefusedLogInIsTold(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 500} {
		s := newStub(t)
		s.set(func(s *stub) { s.noLogin = status })
		b := s.open(t, "")
		err := b.Check(t.Context())
		var e *backend.Error
		if !errors.As(err, &e) || e.Kind != backend.Refused || !e.LoggedOut {
			t.Errorf("%d: %v, want Refused and LoggedOut", status, err)
		}
		wantCounts(t, s, map[string]int{login: 1})
	}
}

func TestUsersTokenIsRenewedAndNeverRevoked(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.tokens["hvs.users-own"] = &stubToken{ends: s.now.Add(time.Hour)} })
	b := s.open(t, "hvs.users-own")
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRead(t, b)
	wantCounts(t, s, map[string]int{lookup: 1, renew: 0})
	s.pass(45 * time.Minute)
	mustRead(t, b)
	wantCounts(t, s, map[string]int{lookup: 1, renew: 1})
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s, map[string]int{revoke: 0})
}

func TestUsersTokenThatIsForgottenIsTold(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.tokens["hvs.users-own"] = &stubToken{ends: s.now.Add(time.Hour)} })
	b := s.open(t, "hvs.users-own")
	mustRead(t, b)
	s.revokeAll()
	_, read := b.Read(t.Context(), db)
	for _, err := range []error{read, b.Check(t.Context())} {
		var e *backend.Error
		if !errors.As(err, &e) || e.Kind != backend.Refused || !e.LoggedOut {
			t.Errorf("got %v, want Refused and LoggedOut", err)
		}
	}
}

func TestCloseRevokesWhatWasIssued(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b := s.open(t, "")
	mustRead(t, b)
	for range 2 {
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantCounts(t, s, map[string]int{revoke: 1})
	if len(s.tokens) != 0 {
		t.Error("a token is left")
	}
	if _, err := b.Read(t.Context(), db); backend.KindOf(err) != backend.Unavailable {
		t.Errorf("a read after Close gives %v", err)
	}
	wantCounts(t, s, map[string]int{login: 1})
}

func TestCloseWaitsForALogInUnderWay(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b := s.open(t, "")
	var group sync.WaitGroup
	group.Go(func() { _, _ = b.Read(t.Context(), db) })
	<-s.atLogin
	group.Go(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	close(gate)
	group.Wait()
	wantCounts(t, s, map[string]int{revoke: 1})
	if len(s.tokens) != 0 {
		t.Error("a token is left")
	}
}

func TestBatchTokenIsNotRevoked(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.batch = true })
	b := s.open(t, "")
	mustRead(t, b)
	s.pass(40 * time.Minute)
	mustRead(t, b)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s, map[string]int{login: 2, renew: 0, revoke: 0})
}

func TestNamespacesOfLogInAndSecrets(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	cfg := delivery.VaultConfig{
		Server: s.URL, Mount: "secret", KV: 2, Namespace: "team/a",
		Headers: map[string]string{"X-Vault-Namespace": "overridden"},
		Auth: delivery.VaultAuth{Namespace: "team", AppRole: &delivery.VaultAppRole{
			Mount: "approle", RoleID: "r", SecretID: delivery.Credential{Kind: delivery.FromSecret, Name: "s"},
		}},
	}
	b := s.openConfig(t, cfg, backendtest.Credentials{"s": "x"})
	mustRead(t, b)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]string{login: "team", get: "team/a", revoke: "team"} {
		if got := s.namespace[call]; got != want {
			t.Errorf("%s in namespace %q, want %q", call, got, want)
		}
	}
}
