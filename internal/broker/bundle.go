package broker

import (
	"context"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// bundle is what is read where ref is asked for, and how ref's part is picked
// out of it. So all who read from one bundle share one call, each with the key
// that he named. It makes no call.
func (s *session) bundle(ctx context.Context, ref backend.Ref) (whole backend.Ref, pick func(backend.Document) (backend.Document, error), err error) {
	be, err := s.backend(ctx)
	if err != nil {
		return ref, nil, err
	}
	defer s.calls.Done()
	field := ""
	whole = ref
	if bundler, ok := be.(backend.Bundler); ok {
		whole, field = bundler.Bundle(ref)
	}
	return whole, func(doc backend.Document) (backend.Document, error) {
		if field == "" {
			return doc, nil
		}
		value, ok := doc.Fields[field]
		if !ok {
			return backend.Document{}, &backend.Error{Kind: backend.NotFound, Message: `the store holds no "` + field + `"`}
		}
		doc.Value, doc.Fields = value, nil
		return doc, nil
	}, nil
}
