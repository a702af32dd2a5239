package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

// The bounds of one search.
const (
	maxFound = 10_000
	pageSize = 250
)

// Find implements backend.Finder: by name, and by labels as tags. No value
// leaves the server for it.
func (s *store) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	if q.Path != "" {
		return nil, unsupported("Secrets have no paths to search below; search by name or tags")
	}
	name, err := regexp.Compile(q.Name)
	if err != nil {
		return nil, unsupported("the name to search for is no regular expression: " + err.Error())
	}
	selector, err := labels.ValidatedSelectorFromSet(q.Tags)
	if err != nil {
		return nil, unsupported("the tags to search for are no labels: " + err.Error())
	}
	var refs []backend.Ref
	p := page{selector: selector.String(), size: pageSize}
	for more := true; more; more = p.next != "" {
		names, err := s.list(ctx, &p)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if name.MatchString(n) {
				refs = append(refs, backend.Ref{Key: n})
			}
		}
		if len(refs) > maxFound {
			return nil, unsupported("more than 10,000 Secrets match; narrow the search")
		}
	}
	slices.SortFunc(refs, func(a, b backend.Ref) int { return strings.Compare(a.Key, b.Key) })
	return refs, nil
}

// page is where a list has come to.
type page struct {
	selector, next string
	size           int
}

// list reads one page, a smaller one where its annotations are too long.
func (s *store) list(ctx context.Context, p *page) ([]string, error) {
	for {
		names, err := s.listOnce(ctx, p)
		if !errors.Is(err, wire.ErrTooLong) || p.size == 1 {
			return names, err
		}
		p.size = max(p.size/5, 1)
	}
}

func (s *store) listOnce(ctx context.Context, p *page) ([]string, error) {
	query := url.Values{"limit": {strconv.Itoa(p.size)}}
	if p.selector != "" {
		query.Set("labelSelector", p.selector)
	}
	if p.next != "" {
		query.Set("continue", p.next)
	}
	a, err := s.ask(ctx, call{
		does:   `list the Secrets of namespace "` + s.namespace + `"`,
		method: http.MethodGet,
		path:   []string{"api", "v1", "namespaces", s.namespace, "secrets"},
		query:  query,
		accept: asMetadataList,
	})
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, a.failure()
	}
	var list struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if json.Unmarshal(a.body, &list) != nil || list.Kind != "PartialObjectMetadataList" {
		return nil, a.malformed()
	}
	p.next = list.Metadata.Continue
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Metadata.Name
	}
	return names, nil
}
