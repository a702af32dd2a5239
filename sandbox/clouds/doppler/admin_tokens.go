package doppler

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

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
