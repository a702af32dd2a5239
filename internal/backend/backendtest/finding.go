package backendtest

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
)

func put(s Store, tags map[string]string, keys ...string) {
	for _, key := range keys {
		s.Put(key, Item{Fields: map[string]string{"key": key}, Tags: tags})
	}
}

func (h Harness) findsByName(t *testing.T) {
	s := h.New(t)
	put(s, nil, "app-b", "app-a", "db", "web-app")
	b := open(t, s)
	wantKeys(t, find(t, b, backend.Query{Name: "app-"}), "app-a", "app-b")
	wantKeys(t, find(t, b, backend.Query{Name: "app"}), "app-a", "app-b", "web-app")
	wantKeys(t, find(t, b, backend.Query{Name: "^app-.$|^db$"}), "app-a", "app-b", "db")
	wantKeys(t, find(t, b, backend.Query{}), "app-a", "app-b", "db", "web-app")
	wantKeys(t, find(t, b, backend.Query{Name: "nothing"}))
	refs, err := finder(t, b).Find(t.Context(), backend.Query{Name: "^app-b$"})
	if err != nil || len(refs) != 1 {
		t.Fatalf("Find: %v, %v", refs, err)
	}
	got, _ := mustRead(t, b, refs[0])
	wantFields(t, got, map[string]string{"key": "app-b"})
}

func (h Harness) findsByPath(t *testing.T) {
	s := h.New(t)
	if h.Prefixes {
		put(s, nil, "app-a", "app-b", "apps", "db")
		b := open(t, s)
		wantKeys(t, find(t, b, backend.Query{Path: "app-"}), "app-a", "app-b")
		wantKeys(t, find(t, b, backend.Query{Path: "app", Name: "[bs]$"}), "app-b", "apps")
		wantKeys(t, find(t, b, backend.Query{Path: "not-there"}))
		return
	}
	if !h.Paths {
		put(s, nil, "db")
		_, err := finder(t, open(t, s)).Find(t.Context(), backend.Query{Path: "team"})
		wantKind(t, err, backend.Unsupported)
		return
	}
	put(s, nil, "team/app/db", "team/app/web/tls", "team/z", "team", "teams/x", "other/app/db")
	b := open(t, s)
	wantKeys(t, find(t, b, backend.Query{Path: "team"}), "team/app/db", "team/app/web/tls", "team/z")
	wantKeys(t, find(t, b, backend.Query{Path: "/team/app/"}), "team/app/db", "team/app/web/tls")
	wantKeys(t, find(t, b, backend.Query{Name: "app/db$"}), "other/app/db", "team/app/db")
	wantKeys(t, find(t, b, backend.Query{Path: "team", Name: "^team/app/.*(db|tls)$"}), "team/app/db", "team/app/web/tls")
	wantKeys(t, find(t, b, backend.Query{Path: "not-there"}))
	got, _ := mustRead(t, b, backend.Ref{Key: "team/app/web/tls"})
	wantFields(t, got, map[string]string{"key": "team/app/web/tls"})
}

func (h Harness) findsByTags(t *testing.T) {
	s := h.New(t)
	put(s, map[string]string{"env": "dev", "team": "a"}, "dev-a")
	put(s, map[string]string{"env": "dev", "team": "b"}, "dev-b")
	put(s, nil, "plain")
	b := open(t, s)
	if !h.Tags {
		_, err := finder(t, b).Find(t.Context(), backend.Query{Tags: map[string]string{"env": "dev"}})
		wantKind(t, err, backend.Unsupported)
		return
	}
	wantKeys(t, find(t, b, backend.Query{Tags: map[string]string{"env": "dev"}}), "dev-a", "dev-b")
	wantKeys(t, find(t, b, backend.Query{Tags: map[string]string{"env": "dev", "team": "b"}}), "dev-b")
	wantKeys(t, find(t, b, backend.Query{Name: "-a$", Tags: map[string]string{"env": "dev"}}), "dev-a")
	wantKeys(t, find(t, b, backend.Query{Tags: map[string]string{"env": "prod"}}))
}

func (h Harness) badSearch(t *testing.T) {
	s := h.New(t)
	put(s, nil, "db")
	_, err := finder(t, open(t, s)).Find(t.Context(), backend.Query{Name: "(["})
	wantKind(t, err, backend.Unsupported)
}
