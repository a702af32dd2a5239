package doppler

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// The life of the service account tokens that log in: the default, and what
// API servers grant.
const (
	defaultExpiry = 10 * time.Minute
	minExpiry     = 600
	maxExpiry     = 1 << 32
)

// auth finds out how to be let in. Credentials are resolved anew each time,
// so that rotated ones are picked up.
type auth struct {
	delivery.DopplerAuth
	host  string
	creds backend.Credentials
}

// ticket is what there is to be let in with: a token, or an identity and the
// token of a service account.
type ticket struct{ token, identity, jwt string }

func newAuth(c delivery.DopplerConfig, creds backend.Credentials) (auth, error) {
	a := auth{c.Auth, c.Host, creds}
	if a.Identity != "" && (!a.Token.IsZero() || !a.IdentityFrom.IsZero()) {
		return a, misconfigured("Doppler needs either a service token or an identity; both are given, remove one")
	}
	if a.Identity == "" && a.Token.IsZero() && a.IdentityFrom.IsZero() {
		return a, misconfigured("Doppler needs a service token or an identity; neither is given")
	}
	if a.Account.IsZero() && a.Token.IsZero() {
		return a, misconfigured("Doppler needs a service account to log in as an identity; none is given")
	}
	return a, nil
}

// resolve reads the credentials.
func (a auth) resolve(ctx context.Context) (ticket, error) {
	if a.Identity != "" {
		return a.as(ctx, a.Identity)
	}
	token, hasToken, err := a.optional(ctx, a.Token, "service token")
	if err != nil {
		return ticket{}, err
	}
	identity, hasIdentity, err := a.optional(ctx, a.IdentityFrom, "identity")
	if err != nil {
		return ticket{}, err
	}
	switch {
	case hasToken && hasIdentity:
		return ticket{}, misconfigured(a.secret() + " cannot contain both '" + a.Token.Key + "' and '" + a.IdentityFrom.Key + "': use one or the other")
	case hasToken:
		return ticket{token: token}, nil
	case hasIdentity:
		return a.as(ctx, identity)
	case a.IdentityFrom.IsZero():
		return ticket{}, misconfigured(a.secret() + " must contain '" + a.Token.Key + "', a service token of Doppler")
	case a.Token.IsZero():
		return ticket{}, misconfigured(a.secret() + " must contain '" + a.IdentityFrom.Key + "', the ID of an identity in Doppler")
	}
	return ticket{}, misconfigured(a.secret() + " must contain either '" + a.Token.Key + "' or '" + a.IdentityFrom.Key + "'")
}

// secret names the Secret that holds the credentials.
func (a auth) secret() string {
	c := a.Token
	if c.IsZero() {
		c = a.IdentityFrom
	}
	name := c.Name
	if c.Namespace != "" {
		name = c.Namespace + "/" + name
	}
	return "the token Secret " + word(name)
}

var uuid = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// as asks for a service account's token that can log in as the identity.
// Naming the address and the identity as its audiences keeps it from being
// good anywhere else.
func (a auth) as(ctx context.Context, identity string) (ticket, error) {
	c := a.Account
	if c.IsZero() {
		return ticket{}, misconfigured("Doppler needs a service account to log in as an identity; none is given")
	}
	expiry, err := a.expiry(ctx)
	if err != nil {
		return ticket{}, err
	}
	c.Expiry = expiry
	c.Audiences = append([]string{a.host}, c.Audiences...)
	if uuid.MatchString(identity) {
		c.Audiences = append(c.Audiences, identity)
	}
	c.Audiences = distinct(c.Audiences)
	jwt, err := a.required(ctx, c, "service account's token")
	return ticket{identity: identity, jwt: jwt}, err
}

// expiry is how long the service account's token is asked to live.
func (a auth) expiry(ctx context.Context) (time.Duration, error) {
	text, given, err := a.optional(ctx, a.ExpiryFrom, "expiration")
	switch {
	case err != nil:
		return 0, err
	case given && a.Account.Expiry != 0:
		return 0, misconfigured(a.ExpiryFrom.Key + " is given both in " + a.secret() + " and beside it: use one or the other")
	case given:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < minExpiry || n > maxExpiry {
			return 0, misconfigured(a.ExpiryFrom.Key + " in " + a.secret() + " must be a number of seconds between 600 and 4294967296")
		}
		return time.Duration(n) * time.Second, nil
	case a.Account.Expiry != 0:
		return a.Account.Expiry, nil
	}
	return defaultExpiry, nil
}

// optional resolves a credential that may be absent.
func (a auth) optional(ctx context.Context, c delivery.Credential, what string) (string, bool, error) {
	if c.IsZero() {
		return "", false, nil
	}
	text, err := a.required(ctx, c, what)
	if errors.Is(err, backend.ErrNoKey) {
		return "", false, nil
	}
	return text, err == nil, err
}

// required resolves a credential without the white space that files end in.
func (a auth) required(ctx context.Context, c delivery.Credential, what string) (string, error) {
	v, err := a.creds.Resolve(ctx, c)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(v.Reveal()))
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", misconfigured("Doppler's " + what + " is empty or holds characters that none has")
	}
	return text, nil
}

// distinct drops what was there before, and what is empty.
func distinct(all []string) []string {
	var out []string
	for _, s := range all {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
