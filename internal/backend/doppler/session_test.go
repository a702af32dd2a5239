package doppler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const uuid1 = "0a1b2c3d-0000-4000-8000-0A1B2C3D4E5F"

func identities(t *testing.T, s *stub) (*store, *creds) {
	t.Helper()
	c := &creds{}
	return s.openWith(t, delivery.DopplerConfig{Project: "api", Config: "prd", Auth: byIdentity()}, c), c
}

func TestManyReadersShareOneLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b, c := identities(t, s)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := b.Read(t.Context(), backend.Ref{Key: "DB_URL"}); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	group.Wait()
	s.wantCounts(t, map[string]int{login: 1, download: 50})
	if got := s.logins[0]; got["identity"] != "id-1" || got["token"] != "jwt-1" || len(got) != 2 {
		t.Errorf("logged in with %v", got)
	}
	want := delivery.Credential{Kind: delivery.FromServiceAccount, Name: account, Audiences: []string{s.URL}, Expiry: 10 * time.Minute}
	if got := c.asked[0]; got.Name != want.Name || got.Expiry != want.Expiry || !slices.Equal(got.Audiences, want.Audiences) {
		t.Errorf("asked for %+v, want %+v", got, want)
	}
}

func TestFirstReaderWhoGivesUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b, _ := identities(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() {
		_, err := b.Read(ctx, backend.Ref{})
		first <- err
	}()
	<-s.atLogin
	go func() {
		_, err := b.Read(t.Context(), backend.Ref{})
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first reader got %v", err)
	}
	close(gate)
	if err := <-second; err != nil {
		t.Errorf("the second reader got %v", err)
	}
	s.wantCounts(t, map[string]int{login: 1})
}

func TestIssuedTokenIsReplacedInItsLastMinute(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, time.Hour, -3 * time.Hour} {
		s := newStub(t)
		s.set(func(s *stub) { s.skew = skew })
		b, _ := identities(t, s)
		mustRead(t, b, backend.Ref{})
		s.pass(58 * time.Minute)
		mustRead(t, b, backend.Ref{})
		s.wantCounts(t, map[string]int{login: 1})
		s.pass(time.Minute)
		for range 3 {
			mustRead(t, b, backend.Ref{})
		}
		s.wantCounts(t, map[string]int{login: 2})
		// What is kept is the identity's, whatever its token.
		if want := []string{"", `W/"one"`}; !slices.Equal(s.etags[:2], want) || s.etags[4] != want[1] {
			t.Errorf("If-None-Match was %q", s.etags)
		}
	}
}

func TestShortTokensAreUsedForHalfTheirTime(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.set(func(s *stub) { s.life = 40 * time.Second })
	b, _ := identities(t, s)
	for range 3 {
		mustRead(t, b, backend.Ref{})
	}
	s.wantCounts(t, map[string]int{login: 1})
	s.pass(20 * time.Second)
	mustRead(t, b, backend.Ref{})
	s.wantCounts(t, map[string]int{login: 2})
}

func TestRevokedTokenCostsOneLogIn(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b, _ := identities(t, s)
	mustRead(t, b, backend.Ref{})
	s.set(func(s *stub) { clear(s.tokens) })
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := b.Read(t.Context(), backend.Ref{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.wantCounts(t, map[string]int{login: 2})
}

func TestRefusedServiceTokenIsResolvedAnewOnce(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	c := goodToken()
	b := s.openWith(t, delivery.DopplerConfig{Auth: byToken()}, c)
	mustRead(t, b, backend.Ref{})
	s.set(func(s *stub) { s.tokens = map[string]time.Time{"dp.st.prd.new": {}} })
	_, err := b.Read(t.Context(), backend.Ref{})
	var e *backend.Error
	if !errors.As(err, &e) || e.Kind != backend.Refused || !e.LoggedOut {
		t.Errorf("got %v", err)
	}
	s.wantCounts(t, map[string]int{download: 2})
	c.set(map[string]string{"serviceToken": "dp.st.prd.new"})
	mustRead(t, b, backend.Ref{})
	s.wantCounts(t, map[string]int{download: 3})
}

func TestRefusedLogInIsTold(t *testing.T) {
	t.Parallel()
	const ok = `{"success":true,"token":"` + canary + `","expires_at":"`
	for name, c := range map[string]struct {
		status int
		body   string
		want   backend.Kind
		says   string
	}{
		"bad request":  {400, `{"success":false,"messages":["Invalid token"]}`, backend.Refused, "Doppler Error: Invalid token (HTTP 400)"},
		"unauthorized": {401, `{"success":false,"messages":["No jwt-1 here"]}`, backend.Refused, "No [redacted] here"},
		"not found":    {404, `{"success":false,"messages":["Could not find requested identity"]}`, backend.Refused, ""},
		"no success":   {200, `{"success":false}`, backend.Refused, ""},
		"throttled":    {429, "", backend.Throttled, ""},
		"down":         {502, "<html>", backend.Unavailable, ""},
		"proxy":        {404, "<html>", backend.Malformed, ""},
		"empty":        {200, "", backend.Malformed, ""},
		"nothing":      {200, "{}", backend.Malformed, ""},
		"no token":     {200, `{"success":true,"expires_at":"2030-01-01T00:00:00Z"}`, backend.Malformed, ""},
		"no end":       {200, `{"success":true,"token":"` + canary + `"}`, backend.Malformed, ""},
		"no time":      {200, ok + `soon"}`, backend.Malformed, ""},
		"over":         {200, ok + `2001-01-01T00:00:00Z"}`, backend.Malformed, "ended already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.set(func(s *stub) { s.answer = say(c.status, c.body) })
			b, _ := identities(t, s)
			err := b.Check(t.Context())
			var e *backend.Error
			if !errors.As(err, &e) || e.Kind != c.want || e.LoggedOut != (c.want == backend.Refused) || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %v (%s), want %s", err, backend.KindOf(err), c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "jwt-1") || strings.Contains(err.Error(), canary)) {
				t.Errorf("a credential is shown: %v", err)
			}
			s.wantCounts(t, map[string]int{login: 1, names: 0})
		})
	}
}

// TestSecretDecides: which of two keys a Secret holds says how to log in.
func TestSecretDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys   map[string]string
		life   time.Duration // in the manifest
		says   string        // of the error
		expiry time.Duration
	}{
		"token":      {keys: map[string]string{"serviceToken": "dp.st.prd.good"}},
		"identity":   {keys: map[string]string{"identity": uuid1}, expiry: 10 * time.Minute},
		"expiration": {keys: map[string]string{"identity": uuid1, "expirationSeconds": "3600\n"}, expiry: time.Hour},
		"manifest's": {keys: map[string]string{"identity": uuid1}, life: 20 * time.Minute, expiry: 20 * time.Minute},
		"both": {
			keys: map[string]string{"identity": uuid1, "serviceToken": "dp.st.prd.good"},
			says: "the token Secret team/doppler cannot contain both 'serviceToken' and 'identity': use one or the other",
		},
		"neither": {
			keys: map[string]string{"token": "x"},
			says: "the token Secret team/doppler must contain either 'serviceToken' or 'identity'",
		},
		"two expirations": {
			keys: map[string]string{"identity": uuid1, "expirationSeconds": "700"}, life: time.Hour,
			says: "expirationSeconds is given both in the token Secret team/doppler and beside it",
		},
		"short":   {keys: map[string]string{"identity": uuid1, "expirationSeconds": "60"}, says: "between 600 and"},
		"garbage": {keys: map[string]string{"identity": uuid1, "expirationSeconds": canary}, says: "must be a number of seconds"},
		"blank":   {keys: map[string]string{"identity": " "}, says: "identity is empty"},
		"control": {keys: map[string]string{"serviceToken": "dp.st\n" + canary}, says: "characters that none has"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			how := either()
			how.Account.Expiry = c.life
			held := &creds{keys: c.keys}
			b := s.openWith(t, delivery.DopplerConfig{Auth: how}, held)
			_, err := b.Read(t.Context(), backend.Ref{})
			if c.says != "" {
				if err == nil || backend.KindOf(err) != backend.Misconfigured || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.expiry == 0 {
				if len(held.asked) != 0 {
					t.Errorf("a token was asked of a service account: %v", held.asked)
				}
				return
			}
			want := []string{s.URL, "dopplerTokenSecret:team:doppler", uuid1}
			if got := held.asked[0]; !slices.Equal(got.Audiences, want) || got.Expiry != c.expiry {
				t.Errorf("asked for %+v, want %v for %s", got, want, c.expiry)
			}
		})
	}
}

func TestSecretThatCannotBeReadDecidesNothing(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	broken := &backend.Error{Kind: backend.Unavailable, Message: "the API server does not answer"}
	b := s.openWith(t, delivery.DopplerConfig{Auth: either()}, &creds{err: broken})
	if _, err := b.Read(t.Context(), backend.Ref{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestCloseRevokesWhatWasIssued(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	b, _ := identities(t, s)
	mustRead(t, b, backend.Ref{})
	own := s.open(t)
	mustRead(t, own, backend.Ref{})
	for _, b := range []*store{b, b, own} {
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s.wantCounts(t, map[string]int{revoke: 1})
	if len(s.tokens) != 1 {
		t.Errorf("%d tokens are left, want the user's own", len(s.tokens))
	}
	if _, err := b.Read(t.Context(), backend.Ref{}); backend.KindOf(err) != backend.Unavailable {
		t.Errorf("a read after Close gives %v", err)
	}
}

func TestCloseWaitsForALogInUnderWay(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	gate := make(chan struct{})
	s.set(func(s *stub) { s.inLogin = gate })
	b, _ := identities(t, s)
	var group sync.WaitGroup
	group.Go(func() { _, _ = b.Read(t.Context(), backend.Ref{}) })
	<-s.atLogin
	group.Go(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	close(gate)
	group.Wait()
	s.wantCounts(t, map[string]int{revoke: 1})
}
