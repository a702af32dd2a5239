package doppler

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

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
