package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// readMetadata reads what KV version 2 knows about a secret. It calls nothing
// but the metadata's own path (and sys/internal/ui/mounts where a mount cannot
// be told otherwise), since whoever watches secrets need not be able to read
// them. The Document's Version is the time of the last change: it changes with
// the custom metadata too, and with a secret that was removed and made anew.
func (s *store) readMetadata(ctx context.Context, key string) (backend.Document, error) {
	path, mount, err := s.metadataPath(ctx, key)
	if err != nil {
		return backend.Document{}, err
	}
	fields, updated, err := s.metadata(ctx, path)
	if err != nil {
		return backend.Document{}, s.confirm(ctx, mount, err)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return backend.Document{}, &backend.Error{Kind: backend.Malformed, Message: `cannot read "` + path + `": its metadata cannot be written as JSON`}
	}
	return backend.Document{Value: secret.New(text), Version: updated}, nil
}

func (s *store) metadataPath(ctx context.Context, key string) (path, mount string, err error) {
	switch s.cfg.KV {
	case 0:
		path, err = s.rawMetadata(ctx, key)
		return path, "", err
	case 1:
		return "", "", unsupported("version 1 of Vault's KV engine keeps no metadata of a secret")
	}
	m, err := s.place(ctx)
	if err != nil {
		return "", "", err
	}
	return m.secret(key, "metadata")
}

// metadata is the custom metadata beside the three of Vault's own fields that
// the original shows, all as text; and when the secret last changed, as Vault
// writes it.
func (s *store) metadata(ctx context.Context, path string) (fields map[string]string, updated string, err error) {
	a, err := s.ask(ctx, call{does: `read "` + path + `"`, method: http.MethodGet, path: path})
	if err != nil {
		return nil, "", err
	}
	if !a.ok() {
		return nil, "", a.readFailure()
	}
	var shape struct {
		Data *struct {
			CreatedTime    *string                    `json:"created_time"`
			UpdatedTime    string                     `json:"updated_time"`
			CurrentVersion *json.Number               `json:"current_version"`
			DeleteAfter    *string                    `json:"delete_version_after"`
			Custom         map[string]json.RawMessage `json:"custom_metadata"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Data == nil || shape.Data.CurrentVersion == nil || shape.Data.UpdatedTime == "" {
		return nil, "", a.malformed("the answer is not the metadata of a KV engine of version 2")
	}
	// Who acts on a change must not take any other text for one.
	if _, err := time.Parse(time.RFC3339Nano, shape.Data.UpdatedTime); err != nil {
		return nil, "", a.malformed("the answer holds no time of the last change")
	}
	fields = map[string]string{"current_version": shape.Data.CurrentVersion.String()}
	if v := shape.Data.CreatedTime; v != nil {
		fields["created_time"] = *v
	}
	if v := shape.Data.DeleteAfter; v != nil {
		fields["delete_version_after"] = *v
	}
	for name, raw := range shape.Data.Custom {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = strings.TrimSpace(string(raw))
		}
		fields[name] = text
	}
	return fields, shape.Data.UpdatedTime, nil
}
