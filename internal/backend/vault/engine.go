package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// engines remembers what Vault said about what is mounted where.
type engines struct {
	mu   sync.Mutex
	seen map[string]engine
}

// engine is a secrets engine; the zero engine is one that Vault tells
// nothing about.
type engine struct{ path, kind, version string }

// maxEngines bounds the memory, since keys may name mounts.
const maxEngines = 1000

// at asks Vault which engine serves a path. Every token that may use the
// engine may ask; where a proxy or a policy forbids it, nothing is known.
func (s *store) at(ctx context.Context, path string) (engine, error) {
	s.engines.mu.Lock()
	found, ok := s.engines.seen[path]
	s.engines.mu.Unlock()
	if ok {
		return found, nil
	}
	a, err := s.ask(ctx, call{
		does: `look up the mount "` + path + `"`, method: http.MethodGet, path: "sys/internal/ui/mounts/" + path,
	})
	if err != nil {
		return engine{}, err
	}
	if kind := a.kind(); !a.ok() && (kind == backend.Unavailable || kind == backend.Throttled) {
		return engine{}, a.failure(kind)
	}
	found = a.engine()
	s.engines.mu.Lock()
	defer s.engines.mu.Unlock()
	if s.engines.seen == nil || len(s.engines.seen) >= maxEngines {
		s.engines.seen = map[string]engine{}
	}
	s.engines.seen[path] = found
	return found, nil
}

func (a answer) engine() engine {
	var shape struct {
		Data struct {
			Path    string            `json:"path"`
			Type    string            `json:"type"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	if !a.ok() || json.Unmarshal(a.body, &shape) != nil {
		return engine{}
	}
	return engine{strings.Trim(shape.Data.Path, "/"), shape.Data.Type, shape.Data.Options["version"]}
}

// confirm makes sure that an engine of version 2 said that something does not
// exist. One of version 1 says so of every path that is meant for version 2,
// and what does not exist may be deleted downstream.
func (s *store) confirm(ctx context.Context, mount string, absent error) error {
	if s.cfg.KV != 2 || backend.KindOf(absent) != backend.NotFound {
		return absent
	}
	e, err := s.at(ctx, mount)
	if err != nil {
		return err
	}
	if e.kind != "" && e.version != "2" {
		return misconfigured(`the engine at "` + e.path + `" in Vault is not a KV engine of version 2, but the store says v2`)
	}
	return absent
}

// place is the mount that keys are in. A path that ends in "/data" usually is
// a mount with the "/data" of version 2 behind it, but a mount may also be
// called so: then Vault is asked.
func (s *store) place(ctx context.Context) (mount, error) {
	m := s.mount
	if !m.suffixed {
		return m, nil
	}
	literal := m.path + "/data"
	e, err := s.at(ctx, literal)
	if err != nil {
		return mount{}, err
	}
	if e.path == literal {
		m.path = literal
	}
	return m, nil
}
