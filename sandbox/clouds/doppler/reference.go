package doppler

import (
	"regexp"
	"strings"
)

// reference matches ${NAME}, ${config.NAME} and ${project.config.NAME}.
// Whatever else is between braces is no reference and stays as it is.
var reference = regexp.MustCompile(`\$\{((?:[a-z0-9][a-z0-9_-]*\.){0,2}[A-Z_][A-Z0-9_]*)\}`)

const (
	deepest = 32     // how far references of references are followed
	most    = 10_000 // how many are followed for one value
)

// computed is the value of a secret that clients get. A reference that leads
// nowhere or in a circle stays as it is written.
func (s *Server) computed(c *config, raw string) string {
	value, _ := s.compute(c, raw)
	return value
}

// compute is computed; it also returns whether all references were resolved.
func (s *Server) compute(c *config, raw string) (string, bool) {
	r := resolver{server: s, left: most}
	return r.resolve(c, raw, 0)
}

// resolver resolves the references of one value.
type resolver struct {
	server *Server
	left   int
}

func (r *resolver) resolve(c *config, raw string, depth int) (string, bool) {
	whole := true
	computed := reference.ReplaceAllStringFunc(raw, func(written string) string {
		value, ok := r.follow(c, written[len("${"):len(written)-len("}")], depth)
		if !ok {
			whole = false
			return written
		}
		return value
	})
	return computed, whole
}

// follow is the computed value of what a reference in c names.
func (r *resolver) follow(c *config, path string, depth int) (string, bool) {
	if r.left--; depth == deepest || r.left < 0 {
		return "", false
	}
	parts := strings.Split(path, ".")
	switch len(parts) {
	case 2:
		c = r.server.find(c.project, parts[0])
	case 3:
		c = r.server.find(parts[0], parts[1])
	}
	if c == nil {
		return "", false
	}
	found, ok := c.get(parts[len(parts)-1])
	if !ok {
		return "", false
	}
	return r.resolve(c, found.raw, depth+1)
}
