package kubernetes

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// counting resolves to a new token each time.
type counting int

func (c *counting) Resolve(context.Context, delivery.Credential) (secret.Value, error) {
	*c++
	return secret.NewString("token-" + strconv.Itoa(int(*c)) + "\n"), nil
}

func TestServiceAccountTokenIsMadeAnewInTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		credential delivery.Credential
		after      time.Duration
		want       string
	}{
		{delivery.Credential{Kind: delivery.FromServiceAccount}, 39 * time.Minute, "token-1"},
		{delivery.Credential{Kind: delivery.FromServiceAccount}, 40 * time.Minute, "token-2"},
		{delivery.Credential{Kind: delivery.FromServiceAccount, Expiry: 15 * time.Minute}, 9 * time.Minute, "token-1"},
		{delivery.Credential{Kind: delivery.FromServiceAccount, Expiry: 15 * time.Minute}, 10 * time.Minute, "token-2"},
		{delivery.Credential{Kind: delivery.FromSecret}, 1000 * time.Hour, "token-1"},
	} {
		now := time.Unix(1_700_000_000, 0)
		tokens := newTokens(c.credential, new(counting))
		tokens.now = func() time.Time { return now }
		if got, err := tokens.get(t.Context(), ""); got != "token-1" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		now = now.Add(c.after)
		if got, err := tokens.get(t.Context(), ""); got != c.want || err != nil {
			t.Errorf("%+v after %v: %q, %v; want %q", c.credential, c.after, got, err, c.want)
		}
	}
}

func TestWaitingForTheTokenEndsWithTheContext(t *testing.T) {
	t.Parallel()
	tokens := newTokens(delivery.Credential{Kind: delivery.FromSecret}, new(counting))
	tokens.turn <- struct{}{} // somebody resolves it
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.get(ctx, ""); !errors.Is(err, context.Canceled) || backend.KindOf(err) != backend.Unavailable {
		t.Errorf("got %v", err)
	}
}
