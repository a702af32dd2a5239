package doppler

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// newIdentity makes an identity. Its keys come from one of the first four
// fields.
type newIdentity struct {
	PEM      string          `json:"pem"`
	JWKS     json.RawMessage `json:"jwks"`
	JWKSURL  string          `json:"jwksURL"` // http, https or file; read once
	Insecure bool            `json:"insecure"`

	Issuer     string              `json:"issuer"`
	ClaimsType string              `json:"claimsType"` // exact or wildcard
	Claims     map[string][]string `json:"claims"`     // with aud and sub; insecure ones need aud alone
	TTLSeconds int                 `json:"ttlSeconds"`
	Projects   []string            `json:"projects"`
	Write      bool                `json:"write"`
}

func (n newIdentity) keys(ctx context.Context) ([]publicKey, error) {
	switch {
	case n.Insecure:
		return nil, nil
	case n.PEM != "":
		return parsePEM(n.PEM)
	case n.JWKS != nil:
		return parseJWKS(n.JWKS)
	case n.JWKSURL != "":
		return fetchKeys(ctx, n.JWKSURL)
	default:
		return nil, errors.New("an identity needs pem, jwks, jwksURL or insecure")
	}
}

func (s *Server) postIdentity(r *http.Request) (any, error) {
	var request newIdentity
	if err := read(r, &request); err != nil {
		return nil, err
	}
	if len(request.Claims["aud"]) == 0 || (len(request.Claims["sub"]) == 0 && !request.Insecure) {
		return nil, errors.New("the claims aud and sub are required")
	}
	if t := request.ClaimsType; t != "" && t != "exact" && t != "wildcard" {
		return nil, errors.New("claimsType is exact or wildcard")
	}
	keys, err := request.keys(r.Context())
	if err != nil {
		return nil, err
	}
	if request.TTLSeconds <= 0 {
		request.TTLSeconds = 3600
	}
	id := &identity{
		slug: strings.ToLower(rand.Text()), issuer: request.Issuer, keys: keys, insecure: request.Insecure,
		wildcard: request.ClaimsType == "wildcard", claims: request.Claims,
		ttl: time.Duration(request.TTLSeconds) * time.Second, projects: request.Projects, write: request.Write,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identities[id.slug] = id
	return map[string]string{"identity": id.slug}, nil
}
