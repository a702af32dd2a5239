package vault

import (
	"encoding/json"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// token is a Vault token and what is known of its life. It is not changed
// once it is shared.
type token struct {
	value string
	// issued reports that it was made for this session, which therefore
	// revokes it; a user's own token never is.
	issued bool
	// revocable is false for batch tokens, which simply end.
	revocable bool
	renewable bool
	since     time.Time
	ttl       time.Duration // 0: it never ends
	// full is the ttl that it began with, or was given when it began to lend.
	full time.Duration
	// asked is for how long a renewal was last to be; 0 if as Vault likes.
	asked time.Duration
	// retry is when to try again after a refresh that failed.
	retry time.Time
	// life is what hangs on it; renewed, it is the same token.
	life *life
}

// maxTTL keeps the arithmetic of times from overflowing.
const maxTTL = 10 * 365 * 24 * time.Hour

func seconds(n int64) time.Duration {
	if n <= 0 {
		return 0
	}
	return min(time.Duration(min(n, int64(maxTTL/time.Second)))*time.Second, maxTTL)
}

// due reports that the token should be renewed or replaced.
func (t *token) due(now time.Time) bool {
	if t.ttl == 0 {
		return false
	}
	return t.over(now) || t.short() || !now.Before(t.next())
}

// next is when a token that ends should be renewed: when two thirds of its
// time have passed, or half if leases hang on it; see lend.
func (t *token) next() time.Time {
	at := t.since.Add(t.ttl / 3 * 2)
	if t.life.lends() {
		at = t.since.Add(t.ttl / 2)
	}
	if t.retry.After(at) {
		return t.retry
	}
	return at
}

// ends is when it ends if it is not renewed; after all leases if never.
func (t *token) ends() time.Time {
	if t.ttl == 0 {
		return t.since.Add(2 * maxTTL)
	}
	return t.since.Add(t.ttl)
}

// over reports that the token has ended.
func (t *token) over(now time.Time) bool {
	return t.ttl != 0 && !now.Before(t.since.Add(t.ttl))
}

// postponed is t after a refresh that failed: it stays in use while it lasts.
func (t *token) postponed(now time.Time) *token {
	later := *t
	later.retry = now.Add(t.ends().Sub(now) / 4)
	later.asked = max(t.asked, t.life.want()) // it was
	return &later
}

// tokenFromAuth reads the answer to a log-in or a renewal.
func tokenFromAuth(a answer, since time.Time) (*token, error) {
	var shape struct {
		Auth *struct {
			ClientToken   string           `json:"client_token"`
			LeaseDuration int64            `json:"lease_duration"`
			Renewable     bool             `json:"renewable"`
			TokenType     string           `json:"token_type"`
			MFA           *json.RawMessage `json:"mfa_requirement"`
		} `json:"auth"`
	}
	if json.Unmarshal(a.body, &shape) != nil {
		return nil, a.malformed("the answer is no JSON of Vault's")
	}
	auth := shape.Auth
	switch {
	case auth != nil && auth.ClientToken == "" && auth.MFA != nil && string(*auth.MFA) != "null":
		return nil, &backend.Error{
			Kind:    backend.Refused,
			Message: "cannot " + a.call.does + ": Vault asks for a second factor, which only a person has",
		}
	case auth == nil || auth.ClientToken == "":
		return nil, a.malformed("the answer holds no token")
	}
	ttl := seconds(auth.LeaseDuration)
	return &token{
		value: auth.ClientToken, issued: true, revocable: auth.TokenType != "batch",
		renewable: auth.Renewable, since: since, ttl: ttl, full: ttl, life: &life{},
	}, nil
}

// tokenFromLookup reads what Vault knows of a user's own token.
func tokenFromLookup(a answer, value string, since time.Time) (*token, error) {
	var shape struct {
		Data *struct {
			TTL        *int64  `json:"ttl"`
			ExpireTime *string `json:"expire_time"`
			Renewable  bool    `json:"renewable"`
			Renewed    *int64  `json:"last_renewal_time"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Data == nil || shape.Data.TTL == nil {
		return nil, a.malformed("the answer does not describe a token")
	}
	ttl := seconds(*shape.Data.TTL)
	if ttl == 0 && shape.Data.ExpireTime != nil {
		ttl = time.Second // in its last
	}
	tok := &token{value: value, renewable: shape.Data.Renewable, since: since, ttl: ttl, full: ttl}
	tok.life = &life{first: tok.ends(), renewed: shape.Data.Renewed != nil}
	return tok, nil
}
