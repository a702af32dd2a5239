package vault

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// FuzzAnswer checks, whatever a server says with whatever status, that a
// document comes of a success alone, that absence is told by a 404 or by
// Vault's own words about a deletion, and that errors are fit to show.
func FuzzAnswer(f *testing.F) {
	f.Add(404, `{"errors":[]}`)
	f.Add(404, `{"data":{"data":null,"metadata":{"deletion_time":"x"}}}`)
	f.Add(200, `{"data":{"data":{"a":1},"metadata":{"version":1}}}`)
	f.Add(503, `{"errors":["Vault is sealed"]}`)
	f.Add(403, `{"errors":["permission denied\n\u0000 own-token"],"warnings":[]}`)
	f.Add(404, `{"request_id":"x","warnings":["Invalid path for a versioned K/V secrets engine."]}`)
	f.Add(200, `{"lease_id":"a/b","lease_duration":-9223372036854775808,"data":{}}`)
	f.Add(400, `{"errors":["lease not found"]}`)
	f.Add(200, `{"auth":{"client_token":"x","lease_duration":-1}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := newAnswer(call{does: "read"}, wire.Answer{Status: status, Body: []byte(body)}, time.Unix(0, 0), func() []string { return []string{"own-token"} })
		for _, read := range []func() (backend.Document, error){a.version1, a.version2, func() (backend.Document, error) {
			h, err := a.whole()
			return backend.Document{Value: secret.New(h.data), Lease: h.lease}, err
		}} {
			doc, err := read()
			if err == nil {
				if !a.ok() || !strings.HasPrefix(strings.TrimSpace(string(doc.Value.Reveal())), "{") {
					t.Errorf("%d %q gave a document", status, body)
				}
				continue
			}
			var e *backend.Error
			if !errors.As(err, &e) || e.Kind == "" {
				t.Fatalf("%d %q: %v", status, body, err)
			}
			explicit := strings.Contains(body, "deletion_time") || strings.Contains(body, "destroyed") || status == 404 && strings.Contains(body, "errors")
			if e.Kind == backend.NotFound && !caseless(body) && !explicit {
				t.Errorf("%d %q counts as absence", status, body)
			}
			if text := err.Error(); strings.Contains(text, "own-token") || !utf8.ValidString(text) || utf8.RuneCountInString(text) > 400 {
				t.Errorf("%d %q: %q", status, body, text)
			}
		}
		if tok, err := tokenFromAuth(a, time.Unix(0, 0)); err == nil && (tok.value == "" || tok.ttl < 0 || tok.ttl > maxTTL) {
			t.Errorf("%q gave %+v", body, tok)
		}
		lease, err := a.granted("a/b")
		if want := (delivery.Lease{ID: "a/b", Duration: lease.Duration, Renewable: lease.Renewable}); err == nil &&
			(!a.ok() || lease != want || lease.Duration <= 0 || lease.Duration > maxTTL) {
			t.Errorf("%d %q renewed %+v", status, body, lease)
		}
	})
}

// caseless reports a body whose names the fuzzer wrote in another way, which
// encoding/json accepts.
func caseless(body string) bool {
	lower := strings.ToLower(body)
	return lower != body || strings.Contains(body, `\`) || !isASCII(body)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
