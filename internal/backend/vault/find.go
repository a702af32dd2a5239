package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// The bounds of one search.
const (
	maxFound   = 10_000
	maxFolders = 10_000
	maxDepth   = 64
	// lookAhead is how many secrets' tags are read at the same time.
	lookAhead = 4
)

// Find implements backend.Finder. Keys are paths below the mount, the search
// path included, as the original has them.
func (s *store) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	if s.cfg.KV == 0 {
		return nil, unsupported("a store in Vault whose keys are whole paths cannot be searched")
	}
	if len(q.Tags) > 0 && s.cfg.KV == 1 {
		return nil, unsupported("version 1 of Vault's KV engine keeps no tags to search by")
	}
	name, err := regexp.Compile(q.Name)
	if err != nil {
		return nil, unsupported("the name to search for is no regular expression: " + err.Error())
	}
	m, err := s.place(ctx)
	if err != nil {
		return nil, err
	}
	f, err := m.folder(q.Path)
	if err != nil {
		return nil, err
	}
	found, err := s.walk(ctx, f)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(f entry) bool { return !name.MatchString(f.key) })
	if len(q.Tags) > 0 {
		if found, err = s.tagged(ctx, found, q.Tags); err != nil {
			return nil, err
		}
	}
	refs := make([]backend.Ref, len(found))
	for i, f := range found {
		refs[i].Key = f.key
	}
	slices.SortFunc(refs, func(a, b backend.Ref) int { return strings.Compare(a.Key, b.Key) })
	return refs, nil
}

// entry is a secret or folder: its path to list or read about, and its key.
type entry struct{ path, key string }

// walk lists every secret below a folder.
func (s *store) walk(ctx context.Context, root folder) ([]entry, error) {
	var found []entry
	queue := []entry{{root.list, root.prefix}}
	for visited := 0; len(queue) > 0; visited++ {
		folder := queue[0]
		queue = queue[1:]
		names, err := s.list(ctx, folder.path)
		if err != nil && visited == 0 {
			err = s.confirm(ctx, root.mount, err)
		}
		// An empty or missing folder holds nothing.
		if err != nil && backend.KindOf(err) != backend.NotFound {
			return nil, err
		}
		for _, name := range names {
			inside, isFolder := strings.CutSuffix(name, "/")
			next := entry{folder.path + "/" + inside, folder.key + name}
			if isFolder {
				queue = append(queue, next)
			} else {
				found = append(found, next)
			}
		}
		deep := len(queue) > 0 && strings.Count(queue[len(queue)-1].key, "/")-strings.Count(root.prefix, "/") > maxDepth
		if len(found) > maxFound || visited+len(queue) > maxFolders || deep {
			return nil, unsupported(`there are more than 10,000 secrets below "` + root.list + `", or too many folders; give the search a narrower path`)
		}
	}
	return found, nil
}

// list names what one folder holds.
func (s *store) list(ctx context.Context, path string) ([]string, error) {
	a, err := s.ask(ctx, call{
		does: `list "` + path + `"`, method: http.MethodGet, path: path, query: url.Values{"list": {"true"}},
	})
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, a.readFailure()
	}
	var shape struct {
		Data *struct {
			Keys []string `json:"keys"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.Data == nil {
		return nil, a.malformed("the answer is no list of Vault's")
	}
	for _, name := range shape.Data.Keys {
		inside := strings.TrimSuffix(name, "/")
		if c, err := clean(inside); err != nil || c != inside || strings.Contains(inside, "/") {
			return nil, a.malformed("the list holds a name that is no name")
		}
	}
	return slices.DeleteFunc(shape.Data.Keys, func(name string) bool { return name == "" || name == "/" }), nil
}

// tagged keeps the entries whose metadata has all the tags.
func (s *store) tagged(ctx context.Context, found []entry, tags map[string]string) ([]entry, error) {
	match := make([]bool, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAhead)
	for i, f := range found {
		group.Go(func() error {
			fields, _, err := s.metadata(ctx, f.path)
			var e *backend.Error
			if errors.As(err, &e) && e.Kind == backend.NotFound {
				return nil // deleted since it was listed
			}
			match[i] = err == nil && hasAll(fields, tags)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []entry
	for i, f := range found {
		if match[i] {
			out = append(out, f)
		}
	}
	return out, nil
}

func hasAll(fields, tags map[string]string) bool {
	for name, want := range tags {
		if got, ok := fields[name]; !ok || got != want {
			return false
		}
	}
	return true
}
