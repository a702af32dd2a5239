package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
)

// rotate answers with the object as it came, its entries sealed for the newest
// key under the scope that they have. That scope is what the object's own
// metadata say, and what opened them: what its template says counts for
// nothing, or an entry could be sealed for more than it was
// (CVE-2026-22728).
func (s *Server) rotate(ctx context.Context, w http.ResponseWriter, o *object) error {
	entries, err := s.opts.Keys.Reseal(ctx, rand.Reader, o.sealed)
	if err != nil {
		return err
	}
	text, err := o.with(entries)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // who went away needs no answer
	return nil
}

// with is the object with other entries, as a file would hold it.
func (o *object) with(entries map[string]string) ([]byte, error) {
	spec, ok := o.whole["spec"].(map[string]any)
	if !ok { // without entries
		spec = map[string]any{}
		o.whole["spec"] = spec
	}
	spec["encryptedData"] = entries
	delete(o.whole, "status")
	if meta, ok := o.whole["metadata"].(map[string]any); ok {
		for _, field := range []string{
			"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp",
			"generation", "managedFields", "resourceVersion", "selfLink", "uid",
		} {
			delete(meta, field)
		}
		if notes, ok := meta["annotations"].(map[string]any); ok {
			// It holds the object as it was before.
			delete(notes, "kubectl.kubernetes.io/last-applied-configuration")
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o.whole); err != nil {
		return nil, fmt.Errorf("write the object: %w", err)
	}
	return out.Bytes(), nil
}

// contained says who answers, and answers for a request that broke the server.
// What the panic says is not told: it may hold what was at hand.
func (s *Server) contained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", Name)
		defer func() {
			if broken := recover(); broken != nil {
				s.fail(w, fmt.Errorf("panic of %T", broken))
			}
		}()
		next.ServeHTTP(w, r)
	})
}
