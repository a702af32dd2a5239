package doppler

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/sandbox/clouds/faults"
)

// Admin is what Doppler has a dashboard for, and what only a sandbox has.
// Requests and answers are JSON; fields that no page knows are refused.
//
//	PUT    /_sandbox/doppler/configs     {project, config, secrets}: makes both if they are not there, replaces the secrets
//	POST   /_sandbox/doppler/secrets     {project, config, secrets}: changes these; null deletes
//	POST   /_sandbox/doppler/tokens      {type, project, config, projects, write, ttlSeconds}: answers {token}
//	DELETE /_sandbox/doppler/tokens      {token}: revokes it
//	POST   /_sandbox/doppler/identities  see newIdentity: answers {identity}
//	PUT    /_sandbox/doppler/limits      {token, reads, secretReads, writes, windowSeconds}: of one token, or of everybody
//	POST   /_sandbox/doppler/faults      see faults.Fault
//	DELETE /_sandbox/doppler/faults      ?scope= ends the faults of a project, or all
//	GET    /_sandbox/doppler/requests    ?scope= the log; see faults.Request
//	DELETE /_sandbox/doppler/requests    ?scope= empties it
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, run func(*http.Request) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /_sandbox/doppler/"+path, func(w http.ResponseWriter, r *http.Request) {
			said, err := run(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", kindJSON)
			_, _ = w.Write(marshal(said))
		})
	}
	page("PUT configs", s.putConfig)
	page("POST secrets", s.postSecrets)
	page("POST tokens", s.postToken)
	page("DELETE tokens", s.deleteToken)
	page("POST identities", s.postIdentity)
	page("PUT limits", s.putLimits)
	page("POST faults", func(r *http.Request) (any, error) {
		var f faults.Fault
		if err := read(r, &f); err != nil {
			return nil, err
		}
		return done(), s.faults.Add(f)
	})
	page("DELETE faults", func(r *http.Request) (any, error) {
		s.faults.Remove(r.URL.Query().Get("scope"))
		return done(), nil
	})
	page("GET requests", func(r *http.Request) (any, error) {
		return s.faults.Requests(r.URL.Query().Get("scope")), nil
	})
	page("DELETE requests", func(r *http.Request) (any, error) {
		s.faults.Forget(r.URL.Query().Get("scope"))
		return done(), nil
	})
	return mux
}

func done() any { return map[string]bool{"success": true} }

// read reads a page's request. A parser's words may quote a secret and are
// not repeated, but for the name of a field that is unknown.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, largestBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err != nil && strings.HasPrefix(err.Error(), "json: unknown field") {
		return err
	}
	if err != nil {
		return errors.New("the request is not the JSON that this page takes")
	}
	return nil
}

func (no *refusal) err() error {
	if no == nil {
		return nil
	}
	return errors.New(strings.Join(no.messages, "; "))
}

// secretsRequest is about secrets of a config.
type secretsRequest struct {
	Project string             `json:"project"`
	Config  string             `json:"config"`
	Secrets map[string]*string `json:"secrets"`
}

func (s *Server) putConfig(r *http.Request) (any, error) {
	var request secretsRequest
	if err := read(r, &request); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, no := s.ensure(request.Project, request.Config)
	if no != nil {
		return nil, no.err()
	}
	before := c.secrets
	c.secrets = map[string]secret{}
	if no := s.apply(c, request.changes()); no != nil {
		c.secrets = before
		return nil, no.err()
	}
	return done(), nil
}

func (r secretsRequest) changes() []change {
	changes := make([]change, 0, len(r.Secrets))
	for name, value := range r.Secrets {
		changes = append(changes, change{Name: name, Value: value, ShouldDelete: value == nil})
	}
	return changes
}

func (s *Server) postSecrets(r *http.Request) (any, error) {
	var request secretsRequest
	if err := read(r, &request); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(request.Project, request.Config)
	if c == nil {
		return nil, fmt.Errorf("there is no config %s of the project %s: make it first", request.Config, request.Project)
	}
	return done(), s.apply(c, request.changes()).err()
}

func (s *Server) postToken(r *http.Request) (any, error) {
	var request struct {
		Type       kind     `json:"type"`
		Name       string   `json:"name"`
		Project    string   `json:"project"`
		Config     string   `json:"config"`
		Projects   []string `json:"projects"`
		Write      bool     `json:"write"`
		TTLSeconds int      `json:"ttlSeconds"`
	}
	if err := read(r, &request); err != nil {
		return nil, err
	}
	if prefixes()[request.Type] == "" {
		return nil, fmt.Errorf("type %q is none of %s", request.Type, options(byName(prefixes())))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if request.Type == service && s.find(request.Project, request.Config) == nil {
		return nil, errors.New("a service token needs a project and a config that exist")
	}
	t := token{
		kind: request.Type, name: request.Name, project: request.Project, config: request.Config,
		projects: request.Projects, write: request.Write,
	}
	if request.TTLSeconds > 0 {
		t.expires = s.now().Add(time.Duration(request.TTLSeconds) * time.Second)
	}
	return map[string]string{"token": s.issue(t).value}, nil
}

func byName(m map[kind]string) map[string]string {
	named := map[string]string{}
	for k, v := range m {
		named[string(k)] = v
	}
	return named
}

func (s *Server) deleteToken(r *http.Request) (any, error) {
	var request struct {
		Token string `json:"token"`
	}
	if err := read(r, &request); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, request.Token)
	return done(), nil
}

func (s *Server) putLimits(r *http.Request) (any, error) {
	var request struct {
		Token         string  `json:"token"`
		Reads         int     `json:"reads"`
		SecretReads   int     `json:"secretReads"`
		Writes        int     `json:"writes"`
		WindowSeconds float64 `json:"windowSeconds"`
	}
	if err := read(r, &request); err != nil {
		return nil, err
	}
	limits := Limits{
		Reads: request.Reads, SecretReads: request.SecretReads, Writes: request.Writes,
		Window: time.Duration(request.WindowSeconds * float64(time.Second)),
	}
	if limits.Window <= 0 {
		limits.Window = time.Minute
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if request.Token == "" {
		s.limits = limits
		return done(), nil
	}
	t := s.tokens[request.Token]
	if t == nil {
		return nil, errors.New("there is no such token")
	}
	t.limits = &limits
	maps.DeleteFunc(s.buckets, func(key string, _ *bucket) bool { // new limits count anew
		return strings.HasPrefix(key, "token "+t.value)
	})
	return done(), nil
}

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
