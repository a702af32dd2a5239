package vault_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
)

// listing is a server whose every folder holds names.
func listing(t *testing.T, calls *atomic.Int32, names ...string) backend.Finder {
	t.Helper()
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.URL.Query().Get("list") != "true" {
			t.Errorf("asked for %s", r.URL)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"keys": names}})
	})
	return open(t, at(server, 2), backendtest.Credentials{"token": "x"}).(backend.Finder)
}

func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	many := make([]string, 10_001)
	for i := range many {
		many[i] = "key-" + strconv.Itoa(i)
	}
	for name, names := range map[string][]string{
		"too many keys": many,
		"endless depth": {"a/"},
		"endless width": {"a/", "b/", "c/", "d/", "e/", "f/", "g/", "h/"},
	} {
		var calls atomic.Int32
		_, err := listing(t, &calls, names...).Find(t.Context(), backend.Query{Path: "team"})
		if err == nil || backend.KindOf(err) != backend.Unsupported || !strings.Contains(err.Error(), `below "secret/metadata/team"`) {
			t.Errorf("%s: %v", name, err)
		}
		if calls.Load() > 10_000 {
			t.Errorf("%s: %d calls", name, calls.Load())
		}
	}
	var calls atomic.Int32
	refs, err := listing(t, &calls, many[:10_000]...).Find(t.Context(), backend.Query{Name: "key-77$"})
	if err != nil || len(refs) != 1 || calls.Load() != 1 {
		t.Errorf("as many as may be: %v, %v, %d calls", refs, err, calls.Load())
	}
}

func TestListWithImpossibleNamesIsMalformed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"..", "../", ".", "a/b", "a//", "/a"} {
		var calls atomic.Int32
		_, err := listing(t, &calls, name).Find(t.Context(), backend.Query{})
		if err == nil || backend.KindOf(err) != backend.Malformed {
			t.Errorf("%q: %v", name, err)
		}
	}
}
