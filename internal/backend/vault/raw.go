package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// What follows is for stores whose keys are whole paths of Vault's API. Which
// engine serves a path shows in its answer.

// rawPath is a key as a path below /v1/.
func rawPath(key string) (string, error) {
	path, err := clean(key)
	if err == nil && !strings.Contains(path, "/") {
		err = unsupported("a path in Vault must have a mount and something behind it, as in secret/data/app")
	}
	return path, err
}

// readRaw reads whatever a path gives, with the lease if it is given for a
// time.
func (s *store) readRaw(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	if ref.Version != "" {
		return backend.Document{}, unsupported("by its whole path only the newest version of a secret in Vault can be read")
	}
	path, err := rawPath(ref.Key)
	if err != nil {
		return backend.Document{}, err
	}
	a, err := s.ask(ctx, call{does: `read "` + path + `"`, method: http.MethodGet, path: path})
	if err != nil {
		return backend.Document{}, err
	}
	h, err := a.whole()
	if err != nil {
		return backend.Document{}, err
	}
	if !h.lease.IsZero() {
		h.lease = s.session.lend(ctx, a.token, h.lease)
	}
	return backend.Document{Value: secret.New(h.data), Version: h.version, Lease: h.lease}, nil
}

// held is what an answer says that there is.
type held struct {
	data json.RawMessage // a JSON object
	// version is set if KV version 2 answered.
	version string
	lease   delivery.Lease
}

// versioned is what KV version 2 puts around a secret.
type versioned struct {
	Data     json.RawMessage `json:"data"`
	Metadata *struct {
		Version      json.Number `json:"version"`
		DeletionTime string      `json:"deletion_time"`
		Destroyed    bool        `json:"destroyed"`
	} `json:"metadata"`
}

// unwrap takes off what KV version 2 puts around a secret. A secret of another
// engine may have fields of these names, but hardly both, and a version.
func unwrap(data json.RawMessage) (v versioned, ok bool) {
	if !isObject(data) || json.Unmarshal(data, &v) != nil || v.Metadata == nil || v.Metadata.Version == "" || v.Data == nil {
		return versioned{}, false
	}
	return v, true
}

// sound reports that what was unwrapped is a secret, or says that it is gone:
// not something else, which must not pass for the secret of another engine.
func (v versioned) sound() bool { return isObject(v.Data) || v.gone() }

// gone reports that Vault itself says that this version was deleted.
func (v versioned) gone() bool {
	return !isObject(v.Data) && (v.Metadata.DeletionTime != "" || v.Metadata.Destroyed)
}

// whole reads an answer of any engine.
func (a answer) whole() (held, error) {
	var shape struct {
		Data      json.RawMessage `json:"data"`
		LeaseID   string          `json:"lease_id"`
		Duration  int64           `json:"lease_duration"`
		Renewable bool            `json:"renewable"`
	}
	// The cause is not shown: it quotes the body.
	legible := json.Unmarshal(a.body, &shape) == nil
	v, wrapped := unwrap(shape.Data)
	switch {
	case (a.ok() || a.status == http.StatusNotFound) && legible && wrapped && v.gone():
		return held{version: v.Metadata.Version.String()}, a.notFound("it was deleted")
	case a.status == http.StatusNotFound && a.misrouted:
		return held{}, &backend.Error{
			Kind: backend.Misconfigured,
			Message: "cannot " + a.call.does + `: the KV engine there is of version 2, whose paths have "data" behind the mount,` +
				` as in "secret/data/app"`,
		}
	case !a.ok():
		return held{}, a.readFailure()
	case !legible:
		return held{}, a.malformed("the answer is no JSON of Vault's")
	case !isObject(shape.Data):
		return held{}, a.malformed("the answer holds no data")
	case wrapped && !v.sound():
		return held{}, a.malformed("the data in the answer is no map")
	case wrapped:
		return held{data: v.Data, version: v.Metadata.Version.String()}, nil
	}
	h := held{data: shape.Data}
	if shape.LeaseID != "" {
		h.lease = delivery.Lease{ID: shape.LeaseID, Duration: seconds(shape.Duration), Renewable: shape.Renewable}
	}
	return h, nil
}

// layout tells the mount of a path and what is behind it, and whether the
// engine there is KV version 2. Where Vault does not say, the path does.
func (s *store) layout(ctx context.Context, path string) (mount, rest string, kv2 bool, err error) {
	e, err := s.at(ctx, path)
	if err != nil {
		return "", "", false, err
	}
	if rest, below := strings.CutPrefix(path, e.path+"/"); below && e.kind != "" {
		return e.path, rest, e.kind == "kv" && e.version == "2", nil
	}
	mount, rest, _ = strings.Cut(path, "/")
	return mount, rest, strings.HasPrefix(rest, "data/") || strings.HasPrefix(rest, "metadata/"), nil
}

// rawMetadata is where KV version 2 keeps what it knows about the secret at a
// whole path.
func (s *store) rawMetadata(ctx context.Context, key string) (path string, err error) {
	path, err = rawPath(key)
	if err != nil {
		return "", err
	}
	mount, rest, kv2, err := s.layout(ctx, path)
	if err != nil {
		return "", err
	}
	if !kv2 {
		return "", unsupported(`the engine at "` + mount + `" in Vault keeps no metadata of a secret; a KV engine of version 2 does`)
	}
	section, name, _ := strings.Cut(rest, "/")
	if section != "data" && section != "metadata" || name == "" {
		return "", unsupported(`a path of KV version 2 must have "data" or "metadata" behind the mount, as in secret/data/app`)
	}
	return mount + "/metadata/" + name, nil
}
