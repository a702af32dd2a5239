package doppler

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// project is identified by its name, as Doppler's slug.
type project struct {
	name    string
	created time.Time
	configs map[string]*config
}

// config holds secrets by name. Its environment is what its name begins with:
// dev_personal is a config of dev.
type config struct {
	project, name string
	created       time.Time
	fetched       time.Time
	secrets       map[string]secret
}

// secret is a value as it was written, with references in it.
type secret struct {
	raw        string
	note       string
	visibility string // masked, unmasked or restricted
}

func (c *config) environment() string {
	environment, _, _ := strings.Cut(c.name, "_")
	return environment
}

// managed are the secrets that every config has and nobody can write.
func (c *config) managed() map[string]string {
	return map[string]string{
		"DOPPLER_PROJECT":     c.project,
		"DOPPLER_ENVIRONMENT": c.environment(),
		"DOPPLER_CONFIG":      c.name,
	}
}

// get finds a secret, a managed one too.
func (c *config) get(name string) (secret, bool) {
	if value, ok := c.managed()[name]; ok {
		return secret{raw: value, visibility: "unmasked"}, true
	}
	found, ok := c.secrets[name]
	return found, ok
}

// names are the names of all secrets, sorted.
func (c *config) names(managed bool) []string {
	names := slices.Collect(maps.Keys(c.secrets))
	if managed {
		names = slices.AppendSeq(names, maps.Keys(c.managed()))
	}
	slices.Sort(names)
	return names
}

var (
	validSlug = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	validName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
)

// ensure makes the project and the config if they are not there.
func (s *Server) ensure(projectName, configName string) (*config, *refusal) {
	for _, name := range []string{projectName, configName} {
		if !validSlug.MatchString(name) {
			return nil, refuse(http.StatusBadRequest, "Names may only contain lowercase letters, numbers, hyphens and underscores: %q", name)
		}
	}
	p := s.projects[projectName]
	if p == nil {
		p = &project{name: projectName, created: s.now(), configs: map[string]*config{}}
		s.projects[projectName] = p
	}
	c := p.configs[configName]
	if c == nil {
		c = &config{project: projectName, name: configName, created: s.now(), secrets: map[string]secret{}}
		p.configs[configName] = c
	}
	return c, nil
}

// find is the config, or nil.
func (s *Server) find(projectName, configName string) *config {
	if p := s.projects[projectName]; p != nil {
		return p.configs[configName]
	}
	return nil
}
