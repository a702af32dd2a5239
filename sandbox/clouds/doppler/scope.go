package doppler

import (
	"encoding/json"
	"net/http"
)

// scope is the "project/config" that a request is about, or as much of it as
// there is: what faults are limited to, and what the log says. Only names of
// what exists get there, so that nothing which a client sends by mistake is
// kept.
func (s *Server) scope(r *http.Request, c *call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ Project, Config, Identity string }
	_ = json.Unmarshal(c.body, &body) // what is no JSON is about nothing
	projectName, configName := first(body.Project, c.query.Get("project")), first(body.Config, c.query.Get("config"))
	if t := s.tokens[credential(r.Header)]; t != nil && t.kind == service {
		projectName, configName = t.project, t.config
	}
	if id := s.identities[body.Identity]; id != nil && len(id.projects) > 0 {
		projectName, configName = id.projects[0], ""
	}
	p := s.projects[projectName]
	if p == nil {
		return ""
	}
	if p.configs[configName] == nil {
		return p.name
	}
	return p.name + "/" + configName
}
