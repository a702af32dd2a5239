package doppler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// identity lets who holds an OIDC token of an issuer have a token of a
// service account.
type identity struct {
	slug     string
	issuer   string // empty accepts any
	keys     []publicKey
	insecure bool // accepts any signature
	wildcard bool // claims may have * in them
	claims   map[string][]string
	ttl      time.Duration
	projects []string
	write    bool
}

// exchange answers an OIDC token with a token of the identity.
func exchange(s *Server, c *call) (answer, *refusal) {
	var request struct{ Identity, Token string }
	if no := c.decode(&request); no != nil {
		return answer{}, no
	}
	if request.Identity == "" || request.Token == "" {
		return answer{}, refuse(http.StatusBadRequest, "You must specify an identity and a token")
	}
	id := s.identities[request.Identity]
	if id == nil {
		return answer{}, refuse(http.StatusUnauthorized, "Could not find requested identity")
	}
	if err := id.admit(request.Token, s.now()); err != nil {
		return answer{}, refuse(http.StatusUnauthorized, "Unable to authenticate: %v", err)
	}
	t := s.issue(token{
		kind: serviceIdentity, name: id.slug, projects: id.projects, write: id.write,
		expires: s.now().Add(id.ttl),
	})
	return object(map[string]any{"token": t.value, "expires_at": stamp(t.expires)})
}

// admit checks the signature, the times, the issuer and the claims. What it
// says names claims, never their values.
func (id *identity) admit(token string, now time.Time) error {
	said, err := verifyJWT(token, id.keys, id.insecure)
	if err != nil {
		return err
	}
	if expires, ok := said.when("exp"); !ok || !now.Before(expires.Add(leeway)) {
		return errors.New("the token has expired")
	}
	if begins, ok := said.when("nbf"); ok && now.Before(begins.Add(-leeway)) {
		return errors.New("the token is not valid yet")
	}
	if id.issuer != "" && !slices.Contains(said.values("iss"), id.issuer) {
		return errors.New("the token is of another issuer")
	}
	for name, allowed := range id.claims {
		if !slices.ContainsFunc(said.values(name), func(value string) bool { return id.allows(allowed, value) }) {
			return fmt.Errorf("the claim '%s' does not match", name)
		}
	}
	return nil
}

func (id *identity) allows(allowed []string, value string) bool {
	return slices.ContainsFunc(allowed, func(pattern string) bool {
		return pattern == value || id.wildcard && matches(pattern, value)
	})
}

// matches expands every * of the pattern to anything.
func matches(pattern, value string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(value, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

// fetchKeys reads a JWKS from an http, https or file URL.
func fetchKeys(ctx context.Context, url string) ([]publicKey, error) {
	if name, ok := strings.CutPrefix(url, "file://"); ok {
		text, err := os.ReadFile(path.Clean(name))
		if err != nil {
			return nil, err
		}
		return parseJWKS(text)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return parseJWKS(text)
}
