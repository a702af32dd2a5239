package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Read implements backend.Backend. The Document's Value is the secret's JSON
// object as Vault wrote it.
func (s *store) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	switch {
	case ref.Metadata:
		return s.readMetadata(ctx, ref.Key)
	case s.cfg.KV == 0:
		return s.readRaw(ctx, ref)
	}
	m, err := s.place(ctx)
	if err != nil {
		return backend.Document{}, err
	}
	path, mount, err := m.secret(ref.Key, "data")
	if err != nil {
		return backend.Document{}, err
	}
	c := call{does: `read "` + path + `"`, method: http.MethodGet, path: path}
	if ref.Version != "" {
		if c.query, err = s.version(ref.Version); err != nil {
			return backend.Document{}, err
		}
		c.does += " version " + ref.Version
	}
	a, err := s.ask(ctx, c)
	if err != nil {
		return backend.Document{}, err
	}
	if s.cfg.KV == 1 {
		return a.version1()
	}
	doc, err := a.version2()
	if err != nil {
		return backend.Document{}, s.confirm(ctx, mount, err)
	}
	return doc, nil
}

// version checks the number of a version, lest Vault's answer about a
// malformed one be taken for something else.
func (s *store) version(text string) (url.Values, error) {
	if s.cfg.KV == 1 {
		return nil, unsupported("version 1 of Vault's KV engine keeps no versions of a secret")
	}
	if _, err := strconv.ParseUint(text, 10, 31); err != nil {
		return nil, unsupported("a version in Vault must be a number")
	}
	return url.Values{"version": {text}}, nil
}

// version1 reads an answer of KV version 1.
func (a answer) version1() (backend.Document, error) {
	if !a.ok() {
		return backend.Document{}, a.readFailure()
	}
	var shape struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(a.body, &shape) != nil {
		return backend.Document{}, a.malformed("the answer is no JSON of Vault's")
	}
	if !isObject(shape.Data) {
		return backend.Document{}, a.malformed("the answer holds no data")
	}
	return backend.Document{Value: secret.New(shape.Data)}, nil
}

// kv2 is an answer of KV version 2, also to a read of a deleted version.
type kv2 struct {
	Data *struct {
		Data     json.RawMessage `json:"data"`
		Metadata *struct {
			Version      json.Number `json:"version"`
			DeletionTime string      `json:"deletion_time"`
			Destroyed    bool        `json:"destroyed"`
		} `json:"metadata"`
	} `json:"data"`
}

// deleted reports that Vault itself says that this version is gone.
func (k kv2) deleted() bool {
	if k.Data == nil || k.Data.Metadata == nil || isObject(k.Data.Data) {
		return false
	}
	return k.Data.Metadata.DeletionTime != "" || k.Data.Metadata.Destroyed
}

func (a answer) version2() (backend.Document, error) {
	var k kv2
	err := json.Unmarshal(a.body, &k)
	if (a.ok() || a.status == http.StatusNotFound) && err == nil && k.deleted() {
		return backend.Document{}, a.notFound("it was deleted")
	}
	if !a.ok() {
		return backend.Document{}, a.readFailure()
	}
	if err != nil {
		// The cause is not shown: it quotes the body.
		return backend.Document{}, a.malformed("the answer is no JSON of Vault's")
	}
	if k.Data == nil || k.Data.Metadata == nil || !isObject(k.Data.Data) {
		return backend.Document{}, a.malformed("the answer is not that of a KV engine of version 2; if the engine is of version 1, the store must say so")
	}
	return backend.Document{Value: secret.New(k.Data.Data), Version: k.Data.Metadata.Version.String()}, nil
}

func isObject(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

// readFailure sorts a read without success. What is absent may be deleted
// downstream, so that a 404 counts as absence only in the one form in which
// Vault's KV engines say it: errors, and none of them.
func (a answer) readFailure() error {
	if a.status != http.StatusNotFound {
		return a.failure(a.kind())
	}
	switch {
	case a.misrouted:
		return &backend.Error{
			Kind:    backend.Misconfigured,
			Message: "cannot " + a.call.does + ": the KV engine is of version 2 and the store says version 1",
		}
	case a.vaults && a.words == "" && a.saysNoErrors():
		return a.notFound("it does not exist")
	}
	return a.failure(a.kind())
}

// saysNoErrors reports the body {"errors":[]}, and nothing else in it.
func (a answer) saysNoErrors() bool {
	var shape map[string]json.RawMessage
	if json.Unmarshal(a.body, &shape) != nil || len(shape) != 1 {
		return false
	}
	var errors []json.RawMessage
	return json.Unmarshal(shape["errors"], &errors) == nil && errors != nil && len(errors) == 0
}

func (a answer) notFound(why string) error {
	err := &backend.Error{Kind: backend.NotFound, Message: "cannot " + a.call.does + ": " + why}
	if !a.ok() {
		err.Status = a.status
	}
	return err
}
