// Package fake is a store whose content stands in its own configuration.
package fake

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// store serves a configuration that nobody changes any more.
type store struct{ cfg delivery.FakeConfig }

// Open implements backend.Opener for delivery.FakeConfig.
func Open(_ context.Context, cfg delivery.Config, _ backend.Credentials) (backend.Backend, error) {
	c, ok := cfg.(delivery.FakeConfig)
	if !ok {
		return nil, &backend.Error{Kind: backend.Misconfigured, Message: "this is no configuration of a fake store"}
	}
	return &store{c}, nil
}

// Check implements backend.Backend.
func (s *store) Check(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return cancelled(ctx)
	case s.cfg.Invalid:
		return &backend.Error{Kind: backend.Misconfigured, Message: "the fake store is set up to be invalid"}
	case s.cfg.Unknown:
		return backend.ErrUndecided
	}
	return nil
}

// Read implements backend.Backend. Without a version the entry that has none
// is read, as in the original; where every entry of a key has one, the last.
func (s *store) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	if ctx.Err() != nil {
		return backend.Document{}, cancelled(ctx)
	}
	if ref.Metadata {
		return backend.Document{}, unsupported("a fake store has no metadata")
	}
	var found *delivery.FakeEntry
	for i := range s.cfg.Data {
		e := &s.cfg.Data[i]
		exact := e.Version == ref.Version
		fallback := ref.Version == "" && (found == nil || found.Version != "")
		if e.Key == ref.Key && (exact || fallback) {
			found = e
		}
	}
	if found == nil {
		what := `"` + ref.Key + `"`
		if ref.Version != "" {
			what += " version " + ref.Version
		}
		return backend.Document{}, &backend.Error{Kind: backend.NotFound, Message: "the fake store holds no " + what}
	}
	return backend.Document{Value: secret.NewString(found.Value), Version: found.Version}, nil
}

// Find implements backend.Finder, by name alone. Of a key with several
// versions it finds the one whose text is greatest.
func (s *store) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	if ctx.Err() != nil {
		return nil, cancelled(ctx)
	}
	if q.Path != "" || len(q.Tags) > 0 {
		return nil, unsupported("a fake store can be searched by name only, not by path or tags")
	}
	name, err := regexp.Compile(q.Name)
	if err != nil {
		return nil, unsupported("the name to search for is no regular expression: " + err.Error())
	}
	versions := map[string]string{}
	for _, e := range s.cfg.Data {
		if name.MatchString(e.Key) {
			versions[e.Key] = max(versions[e.Key], e.Version)
		}
	}
	refs := make([]backend.Ref, 0, len(versions))
	for key, version := range versions {
		refs = append(refs, backend.Ref{Key: key, Version: version})
	}
	slices.SortFunc(refs, func(a, b backend.Ref) int { return cmp.Compare(a.Key, b.Key) })
	return refs, nil
}

// Close implements backend.Backend.
func (*store) Close(context.Context) error { return nil }

func unsupported(text string) error {
	return &backend.Error{Kind: backend.Unsupported, Message: text}
}

func cancelled(ctx context.Context) error {
	return &backend.Error{Kind: backend.Unavailable, Message: "the call to the fake store was cancelled", Err: ctx.Err()}
}
