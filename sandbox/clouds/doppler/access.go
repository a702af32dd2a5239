package doppler

import (
	"net/http"
	"slices"
)

// reaches reports whether the token has access to the project.
func (t *token) reaches(projectName string) bool {
	if t.kind == service {
		return t.project == projectName
	}
	return len(t.projects) == 0 || slices.Contains(t.projects, projectName)
}

// project is the project that a call is about.
func (s *Server) project(t *token, name string) (*project, *refusal) {
	if name == "" && t.kind == service {
		name = t.project
	}
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "You must specify a project")
	}
	if !t.reaches(name) {
		return nil, refuse(http.StatusBadRequest, "This token does not have access to requested project '%s'", name)
	}
	p := s.projects[name]
	if p == nil {
		return nil, refuse(http.StatusNotFound, "Could not find requested project '%s'", name)
	}
	return p, nil
}

// config is the config that a call is about.
func (s *Server) config(t *token, projectName, name string) (*config, *refusal) {
	p, no := s.project(t, projectName)
	if no != nil {
		return nil, no
	}
	if name == "" && t.kind == service {
		name = t.config
	}
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "You must specify a config")
	}
	if t.kind == service && name != t.config {
		return nil, refuse(http.StatusBadRequest, "This token does not have access to requested config '%s'", name)
	}
	c := p.configs[name]
	if c == nil {
		return nil, refuse(http.StatusNotFound, "Could not find requested config '%s'", name)
	}
	return c, nil
}

// writable is config, for tokens that may write.
func (s *Server) writable(t *token, projectName, name string) (*config, *refusal) {
	c, no := s.config(t, projectName, name)
	if no == nil && !t.write {
		return nil, refuse(http.StatusForbidden, "This token does not have write access to requested config '%s'", c.name)
	}
	return c, no
}
