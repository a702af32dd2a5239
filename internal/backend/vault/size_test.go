package vault_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// A Secret holds a megabyte, of which Vault's JSON may make six.
func TestWhatIsWrittenCanBeReadAgain(t *testing.T) {
	t.Parallel()
	v := testkit.SharedVault(t)
	const megabyte = 1 << 20
	for name, c := range map[string]struct {
		value string
		fits  bool
	}{
		"text":           {strings.Repeat("x", megabyte), true},
		"lines":          {strings.Repeat("\n", megabyte), true},
		"some NULs":      {strings.Repeat("\x00", megabyte/2), true},
		"NULs":           {strings.Repeat("\x00", megabyte), false},
		"angle brackets": {strings.Repeat("<", megabyte), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "secret/data/" + strings.ToLower(rand.Text())
			b := wholePaths(t, v, testkit.ReadWrite(path))
			_, err := b.(backend.Writer).Write(t.Context(), path, secret.Data{"k": secret.NewString(c.value)})
			if c.fits != (err == nil) {
				t.Fatalf("written: %v", err)
			}
			_, readErr := b.Read(t.Context(), backend.Ref{Key: path})
			if c.fits && readErr != nil {
				t.Errorf("what was written cannot be read again: %v", readErr)
			}
			if c.fits {
				return
			}
			if backend.KindOf(err) != backend.Unsupported || !strings.Contains(err.Error(), "could not be read again") {
				t.Errorf("refused with %s: %v", backend.KindOf(err), err)
			}
			if backend.KindOf(readErr) != backend.NotFound {
				t.Errorf("it was written all the same: %v", readErr)
			}
		})
	}
}

// What is too long is told by its path, and by no address: whoever reads the
// message has that from the store.
func TestAnAnswerThatIsTooLongIsToldByItsPath(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/kv1/app") {
			_, _ = fmt.Fprint(w, `{"data":{"ttl":0,"expire_time":null}}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"k":%q}}`, strings.Repeat("x", wire.MaxBody))
	}))
	defer server.Close()
	b := open(t, delivery.VaultConfig{Server: server.URL, Auth: token()}, backendtest.Credentials{"token": "t"})
	_, err := b.Read(t.Context(), backend.Ref{Key: "kv1/app"})
	if backend.KindOf(err) != backend.Malformed || !strings.Contains(err.Error(), `"kv1/app": the answer has more than 4 MiB`) || strings.Contains(err.Error(), server.URL) {
		t.Errorf("%s: %v", backend.KindOf(err), err)
	}
}
