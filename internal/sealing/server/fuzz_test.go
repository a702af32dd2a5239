package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-logr/logr"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
)

// FuzzRequest sends any body: every answer is one of a few, and what is
// rotated has the scope that it had.
func FuzzRequest(f *testing.F) {
	entry := seal(f, delivery.SealStrict, "pw", pairs()[0])
	for _, s := range []string{
		manifest(entry, "", ""), manifest(entry, wide, ""), manifest(entry, "", wide), manifest("tacit1:AAAA", namespaceWide, ""),
		"", "{}", "---\nkind: SealedSecret", bomb(), textBomb(1 << 10), "{x: &a z, y: [*a, *a]}", "a: 2*b &b",
	} {
		f.Add(s)
	}
	b := serve(keyring(f, pairs()[0], pairs()[1]), func(o *server.Options) { o.Log = logr.Discard() })
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/v1/verify", "/v1/rotate"} {
			got := b.post(path, body)
			switch got.Code {
			case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
				continue
			case http.StatusOK:
			default:
				t.Fatalf("%s answers %d: %s", path, got.Code, got.Body)
			}
			if path == "/v1/verify" {
				continue
			}
			var out rotated
			if err := json.Unmarshal(got.Body.Bytes(), &out); err != nil {
				t.Fatalf("what is rotated cannot be read: %v", err)
			}
			for _, e := range out.Spec.EncryptedData {
				for _, label := range []string{"", "shop"} {
					if _, _, err := sealing.Open([]sealing.Key{pairs()[1].key}, label, e); err == nil {
						t.Fatalf("what was sealed for shop/db opens as %q", label)
					}
				}
			}
		}
	})
}
