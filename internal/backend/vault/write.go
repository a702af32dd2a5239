package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// slot is a place to write to, and what it holds now.
type slot struct {
	path string
	kv2  bool
	have json.RawMessage // nil: nothing
	// version is what KV version 2 counts there; empty if it has none.
	version string
}

// Write implements backend.Writer. KV version 2 is told which version was
// compared with, so that what somebody else writes meanwhile is not lost: such
// a write fails as Unavailable, to be compared anew.
func (s *store) Write(ctx context.Context, key string, fields secret.Data) (changed bool, err error) {
	texts, err := texts(fields)
	if err != nil {
		return false, err
	}
	to, err := s.slot(ctx, key)
	if err != nil || to.holds(texts) {
		return false, err
	}
	c := call{does: `write "` + to.path + `"`, method: http.MethodPost, path: to.path, hidden: fields}
	if to.kv2 {
		cas := json.Number(to.version)
		if cas == "" {
			cas = "0" // only if there is still nothing
		}
		c.body = map[string]any{"data": texts, "options": map[string]any{"cas": cas}}
	} else {
		c.body = make(map[string]any, len(texts))
		for name, text := range texts {
			c.body[name] = text
		}
	}
	a, err := s.ask(ctx, c)
	if err != nil {
		return false, err
	}
	return true, a.written(to.kv2)
}

// texts are fields as Vault holds them. JSON has no bytes that are no text:
// encoding them would be undone by nobody who reads them.
func texts(fields secret.Data) (map[string]string, error) {
	out := make(map[string]string, len(fields))
	for name, value := range fields {
		if !utf8.Valid(value.Reveal()) || !utf8.ValidString(name) {
			return nil, unsupported(`cannot write the key "` + strings.ToValidUTF8(name, "\uFFFD") +
				`" to Vault: its value is no UTF-8 text, and Vault holds nothing else; leave it out, or keep it base64-encoded at its source`)
		}
		out[name] = string(value.Reveal())
	}
	return out, legible(out)
}

// maxWritten leaves room in an answer for what Vault puts around a secret, the
// custom metadata of KV version 2 most of all.
const maxWritten = wire.MaxBody - 512<<10

// legible refuses what could be written and never be read again. Vault answers
// in JSON, where one byte can take six.
func legible(texts map[string]string) error {
	sent, err := json.Marshal(texts)
	if err == nil && len(sent) <= maxWritten {
		return nil
	}
	return unsupported(fmt.Sprintf("cannot write to Vault what takes %d bytes in its JSON, where a control character takes six: "+
		"more than %d could not be read again; write fewer or smaller values, or keep what is no text base64-encoded at its source", len(sent), maxWritten))
}

// slot finds where key is written to and what is there.
func (s *store) slot(ctx context.Context, key string) (slot, error) {
	to, mount, err := s.destination(ctx, key)
	if err != nil {
		return slot{}, err
	}
	a, err := s.ask(ctx, call{does: `read "` + to.path + `" before it is written`, method: http.MethodGet, path: to.path})
	if err != nil {
		return slot{}, err
	}
	h, err := a.whole()
	if err == nil && !h.lease.IsZero() {
		// Reading it has cost a lease that nobody wants.
		_ = s.Revoke(ctx, h.lease.ID)
		return slot{}, misconfigured(`cannot write "` + to.path + `": what Vault has there is lent out, not kept`)
	}
	if err != nil && backend.KindOf(err) != backend.NotFound {
		return slot{}, err
	}
	to.have, to.version = h.data, h.version
	if h.version != "" || h.data != nil {
		return to, s.fits(&to)
	}
	// Nothing was ever there, so that the answer does not tell the version.
	switch s.cfg.KV {
	case 0:
		_, _, to.kv2, err = s.layout(ctx, to.path)
		return to, err
	case 2:
		to.kv2 = true
		if err = s.confirm(ctx, mount, err); backend.KindOf(err) != backend.NotFound {
			return slot{}, err
		}
	}
	return to, nil
}

// destination is the path that a key is written to.
func (s *store) destination(ctx context.Context, key string) (to slot, mount string, err error) {
	if s.cfg.KV == 0 {
		to.path, err = rawPath(key)
		return to, "", err
	}
	m, err := s.place(ctx)
	if err != nil {
		return slot{}, "", err
	}
	to.path, mount, err = m.secret(key, "data")
	return to, mount, err
}

// fits takes the version of the engine from its answer, and makes sure that
// the store means the same.
func (s *store) fits(to *slot) error {
	to.kv2 = to.version != ""
	if s.cfg.KV == 2 && !to.kv2 || s.cfg.KV == 1 && to.kv2 {
		return misconfigured(`cannot write "` + to.path + `": the KV engine is of another version than the store says`)
	}
	return nil
}

// holds reports that texts are there already, and nothing else.
func (to slot) holds(texts map[string]string) bool {
	var have map[string]json.RawMessage
	if to.have == nil || json.Unmarshal(to.have, &have) != nil || len(have) != len(texts) {
		return false
	}
	for name, text := range texts {
		var now *string
		if json.Unmarshal(have[name], &now) != nil || now == nil || *now != text {
			return false
		}
	}
	return true
}

// written judges the answer to a write.
func (a answer) written(kv2 bool) error {
	if a.conflict {
		return &backend.Error{
			Kind: backend.Unavailable, Message: "cannot " + a.call.does + ": somebody else wrote it at the same time",
		}
	}
	if !a.ok() {
		return a.failure(a.kind())
	}
	if !kv2 {
		return a.done()
	}
	var shape struct {
		Data *struct {
			Version json.Number `json:"version"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Data == nil || shape.Data.Version == "" {
		return a.malformed("the answer does not name the version that was written")
	}
	return nil
}

// done judges a success that has nothing to tell. A page that a proxy puts in
// Vault's place is none.
func (a answer) done() error {
	var shape struct {
		RequestID string `json:"request_id"`
	}
	if a.status == http.StatusNoContent || json.Unmarshal(a.body, &shape) == nil && shape.RequestID != "" {
		return nil
	}
	return a.malformed("the answer is not in Vault's form")
}
