package kubernetes

import (
	"context"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// tokens keeps the store's bearer token. A service account's is made anew
// when two thirds of its time have passed, any when the server refuses it.
type tokens struct {
	credential delivery.Credential
	creds      backend.Credentials
	now        func() time.Time

	// turn holds the right to what follows; a channel, so that waiting for
	// it can end.
	turn  chan struct{}
	value string
	due   time.Time // zero: never
}

// defaultExpiry is how long a service account's token is taken to last where
// the store does not say.
const defaultExpiry = time.Hour

func newTokens(credential delivery.Credential, creds backend.Credentials) *tokens {
	return &tokens{credential: credential, creds: creds, now: time.Now, turn: make(chan struct{}, 1)}
}

// get returns the token; empty if the store has another kind of identity.
// A token equal to refused, which the server did not take, is resolved anew.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	if t.credential.IsZero() {
		return "", nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &backend.Error{Kind: backend.Unavailable, Message: "gave up waiting for the token of the Kubernetes store", Err: ctx.Err()}
	}
	now := t.now()
	fresh := t.due.IsZero() || now.Before(t.due)
	if t.value != "" && t.value != refused && fresh {
		return t.value, nil
	}
	v, err := t.creds.Resolve(ctx, t.credential)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(v.Reveal()))
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", misconfigured("the token for the Kubernetes store is empty or holds characters that no token has")
	}
	t.value, t.due = value, time.Time{}
	if t.credential.Kind == delivery.FromServiceAccount {
		expiry := t.credential.Expiry
		if expiry <= 0 {
			expiry = defaultExpiry
		}
		t.due = now.Add(expiry / 3 * 2)
	}
	return value, nil
}
