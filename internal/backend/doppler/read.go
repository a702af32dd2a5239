package doppler

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// FileKey is the name of a config that is read as one file. No secret of
// Doppler's can have it.
const FileKey = "DOPPLER_SECRETS_FILE"

// plainVersion is the Version of the config as it is kept, where the store
// transforms names or asks for a file.
const plainVersion = "plain"

// form is how a config is asked for; the zero form is as it is kept.
type form struct{ transformer, format string }

// kept is what was read last of one form.
type kept struct {
	etag, who string
	config    config
}

// configured is the form that the store asks for.
func (s *store) configured() form {
	return form{s.cfg.NameTransformer, s.cfg.Format}
}

// target is what a ref means: a form of the config, and the one field of it
// that is wanted; an empty field is all.
type target struct {
	form  form
	field string
}

// target reads a ref. The empty Key is the whole config in the form that the
// store is configured for. A name is that of Doppler's own, whatever the
// form, as External Secrets has it; a Version that is the store's name
// transformer makes it the transformed one, which is what Find returns.
func (s *store) target(ref backend.Ref) (target, error) {
	f := s.configured()
	switch {
	case ref.Metadata:
		return target{}, unsupported("Doppler's metadata of secrets is not served")
	case ref.Key == "" && ref.Version == "", f.format != "" && ref.Key == FileKey && ref.Version == "":
		return target{form: f}, nil
	case ref.Key == "" && ref.Version == plainVersion:
		return target{}, nil
	case ref.Key == "":
	case ref.Version == "":
		return target{field: ref.Key}, nil
	case ref.Version == f.transformer && f.format == "":
		return target{form: f, field: ref.Key}, nil
	}
	return target{}, unsupported("no versions of Doppler's secrets can be read")
}

// Bundle implements backend.Bundler: all names are read with their config.
func (s *store) Bundle(ref backend.Ref) (bundle backend.Ref, field string) {
	t, err := s.target(ref)
	switch {
	case err != nil:
		return ref, ""
	case t.form == s.configured():
		return backend.Ref{}, t.field
	}
	return backend.Ref{Version: plainVersion}, t.field
}

// Read implements backend.Backend.
func (s *store) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	t, err := s.target(ref)
	if err != nil {
		return backend.Document{}, err
	}
	k, err := s.download(ctx, t.form)
	if err != nil {
		return backend.Document{}, err
	}
	doc := backend.Document{Version: k.etag, Link: s.link(k.config)}
	switch {
	case t.field != "":
		v, ok := k.config.fields[t.field]
		if !ok {
			return backend.Document{}, &backend.Error{
				Kind:    backend.NotFound,
				Message: `cannot read "` + word(t.field) + `": ` + s.subject() + " has no such secret",
			}
		}
		doc.Value = v
	case t.form.format != "":
		doc.Value = k.config.file
	default:
		doc.Fields = maps.Clone(k.config.fields)
		doc.Value, err = asJSON(doc.Fields)
	}
	return doc, err
}

// download reads a form of the config, or learns that what was read last is
// still so.
func (s *store) download(ctx context.Context, f form) (*kept, error) {
	q := s.query()
	if len(s.cfg.Secrets) > 0 {
		q.Set("secrets", strings.Join(s.cfg.Secrets, ","))
	}
	if f.transformer != "" {
		q.Set("name_transformer", f.transformer)
	}
	if f.format != "" {
		q.Set("format", f.format)
	}
	s.mu.Lock()
	old := s.kept[f]
	s.mu.Unlock()
	a, who, err := s.ask(ctx, call{
		does:   "read " + s.subject(),
		method: http.MethodGet,
		path:   "/v3/configs/config/secrets/download",
		query:  q,
	}, old)
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusNotModified && a.call.etag != "":
		return old, nil
	case !a.ok():
		return nil, a.failure(a.readKind())
	}
	c, err := a.config(f, s.cfg.Secrets)
	if err != nil {
		return nil, err
	}
	k := &kept{etag: etag(a.header), who: who.who, config: c}
	if k.etag != "" {
		s.mu.Lock()
		s.kept[f] = k
		s.mu.Unlock()
	}
	return k, nil
}

// missing is how Doppler says that a config or a secret does not exist.
var missing = regexp.MustCompile(`(?i)^could not find requested (config|secret)\b`)

// readKind sorts a download without success. Only Doppler's own word that
// the config or the secret does not exist says so.
func (a answer) readKind() backend.Kind {
	if a.status == http.StatusNotFound && missing.MatchString(a.words) {
		return backend.NotFound
	}
	return a.kind()
}

// maxETag bounds what is taken for a version: it is shown to people.
const maxETag = 256

// etag is the answer's ETag, empty if it has none that can be used.
func etag(h http.Header) string {
	tag := h.Get("ETag")
	if len(tag) > maxETag || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return tag
}

// config is a config as it was read: its secrets, or one file.
type config struct {
	fields secret.Data
	file   secret.Value
}
