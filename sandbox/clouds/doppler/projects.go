package doppler

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// stamp writes a time as Doppler does; null if there is none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (p *project) object() map[string]any {
	return map[string]any{
		"id": p.name, "slug": p.name, "name": p.name, "description": "", "created_at": stamp(p.created),
	}
}

func (c *config) object() map[string]any {
	return map[string]any{
		"name": c.name, "slug": c.name, "project": c.project, "environment": c.environment(),
		"root": c.name == c.environment(), "locked": false, "inheritable": false,
		"inherits": []any{}, "inheritedBy": []any{},
		"created_at": stamp(c.created), "initial_fetch_at": stamp(c.fetched), "last_fetch_at": stamp(c.fetched),
	}
}

// page is one page of a listing.
func page[T any](c *call, all []T) ([]T, int, *refusal) {
	number, size := 1, 20
	for name, into := range map[string]*int{"page": &number, "per_page": &size} {
		text := c.query.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return nil, 0, refuse(http.StatusBadRequest, "%s must be a positive number", name)
		}
		*into = n
	}
	start := min(len(all), (number-1)*size)
	return all[start:min(len(all), start+size)], number, nil
}

// listProjects answers with the projects that the token reaches.
func listProjects(s *Server, c *call) (answer, *refusal) {
	all := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.projects)) {
		if c.token.reaches(name) {
			all = append(all, s.projects[name].object())
		}
	}
	some, number, no := page(c, all)
	if no != nil {
		return answer{}, no
	}
	return object(map[string]any{"projects": some, "page": number})
}

func getProject(s *Server, c *call) (answer, *refusal) {
	p, no := s.project(c.token, c.query.Get("project"))
	if no != nil {
		return answer{}, no
	}
	return object(map[string]any{"project": p.object()})
}

// listConfigs answers with the configs of a project that the token reaches.
func listConfigs(s *Server, c *call) (answer, *refusal) {
	p, no := s.project(c.token, c.query.Get("project"))
	if no != nil {
		return answer{}, no
	}
	environment := c.query.Get("environment")
	all := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(p.configs)) {
		found := p.configs[name]
		if (c.token.kind == service && c.token.config != name) || (environment != "" && environment != found.environment()) {
			continue
		}
		all = append(all, found.object())
	}
	some, number, no := page(c, all)
	if no != nil {
		return answer{}, no
	}
	return object(map[string]any{"configs": some, "page": number})
}

func getConfig(s *Server, c *call) (answer, *refusal) {
	found, no := s.config(c.token, c.query.Get("project"), c.query.Get("config"))
	if no != nil {
		return answer{}, no
	}
	return object(map[string]any{"config": found.object()})
}

// me tells a token about itself.
func me(_ *Server, c *call) (answer, *refusal) {
	t := c.token
	return object(map[string]any{
		"slug": t.slug, "name": t.name, "type": t.kind,
		"created_at": stamp(t.created), "last_seen_at": stamp(t.seen),
		"token_preview": prefixes()[t.kind] + "..." + t.value[len(t.value)-6:],
		"workplace":     map[string]string{"slug": "sandbox", "name": "Sandbox"},
	})
}
