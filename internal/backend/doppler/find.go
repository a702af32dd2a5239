package doppler

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// Find implements backend.Finder: by name, and by what names begin with as
// the path, as External Secrets has it. It searches the names in the form that
// the store is configured for; a config that is read as a file is the one
// name FileKey.
func (s *store) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	if len(q.Tags) > 0 {
		return nil, unsupported("Doppler keeps no tags to search by; search by name")
	}
	name, err := regexp.Compile(q.Name)
	if err != nil {
		return nil, unsupported("the name to search for is no regular expression: " + err.Error())
	}
	f := s.configured()
	k, err := s.download(ctx, f)
	if err != nil {
		return nil, err
	}
	var refs []backend.Ref
	add := func(ref backend.Ref) {
		if name.MatchString(ref.Key) && strings.HasPrefix(ref.Key, q.Path) {
			refs = append(refs, ref)
		}
	}
	if f.format != "" {
		add(backend.Ref{Key: FileKey})
	}
	for field := range k.config.fields {
		add(backend.Ref{Key: field, Version: f.transformer})
	}
	slices.SortFunc(refs, func(a, b backend.Ref) int { return strings.Compare(a.Key, b.Key) })
	return refs, nil
}
