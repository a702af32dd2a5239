package doppler

import (
	"regexp"
	"strings"
)

// reference matches ${NAME}, ${config.NAME} and ${project.config.NAME}.
// Whatever else is between braces is no reference and stays as it is.
var reference = regexp.MustCompile(`\$\{((?:[a-z0-9][a-z0-9_-]*\.){0,2}[A-Z_][A-Z0-9_]*)\}`)

// deepest is how far references of references are followed.
const deepest = 32

// compute resolves the references in a value of a config. It returns false if
// one leads nowhere or in a circle; such stay as they are written.
func (s *Server) compute(c *config, raw string, depth int) (string, bool) {
	whole := true
	computed := reference.ReplaceAllStringFunc(raw, func(written string) string {
		value, ok := s.refer(c, written[len("${"):len(written)-len("}")], depth)
		if !ok {
			whole = false
			return written
		}
		return value
	})
	return computed, whole
}

// refer is the computed value of what a reference in c names.
func (s *Server) refer(c *config, path string, depth int) (string, bool) {
	if depth == deepest {
		return "", false
	}
	parts := strings.Split(path, ".")
	switch len(parts) {
	case 2:
		c = s.find(c.project, parts[0])
	case 3:
		c = s.find(parts[0], parts[1])
	}
	if c == nil {
		return "", false
	}
	found, ok := c.get(parts[len(parts)-1])
	if !ok {
		return "", false
	}
	return s.compute(c, found.raw, depth+1)
}

// computed is the value of a secret that clients get.
func (s *Server) computed(c *config, raw string) string {
	value, _ := s.compute(c, raw, 0)
	return value
}
