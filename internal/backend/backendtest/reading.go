package backendtest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
)

func (h Harness) reads(t *testing.T) {
	s := h.New(t)
	want := map[string]string{"user": "app", "password": `p"a\s<s>&`}
	s.Put("db", Item{Fields: want})
	s.Put("other", Item{Fields: map[string]string{"user": "other"}})
	b := open(t, s)
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	for range 2 {
		got, _ := mustRead(t, b, backend.Ref{Key: "db"})
		wantFields(t, got, want)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check after reading: %v", err)
	}
}

func (h Harness) missing(t *testing.T) {
	s := h.New(t)
	s.Put("db", Item{Fields: map[string]string{"user": "app"}})
	b := open(t, s)
	_, err := b.Read(t.Context(), backend.Ref{Key: "not-there"})
	wantKind(t, err, backend.NotFound)
	if err != nil && !strings.Contains(err.Error(), "not-there") {
		t.Errorf("the error does not name the key: %v", err)
	}
}

func (h Harness) deleted(t *testing.T) {
	s := h.New(t)
	if s.Delete == nil {
		return // nothing is ever deleted there
	}
	s.Put("db", Item{Fields: map[string]string{"user": "app"}})
	b := open(t, s)
	mustRead(t, b, backend.Ref{Key: "db"})
	s.Delete("db")
	_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
	wantKind(t, err, backend.NotFound)
}

func (h Harness) versions(t *testing.T) {
	s := h.New(t)
	first, second := map[string]string{"v": "first"}, map[string]string{"v": "second"}
	s.Put("db", Item{Fields: first})
	if !h.Versions {
		_, err := open(t, s).Read(t.Context(), backend.Ref{Key: "db", Version: "1"})
		wantKind(t, err, backend.Unsupported)
		return
	}
	_, doc := mustRead(t, open(t, s), backend.Ref{Key: "db"})
	s.Put("db", Item{Fields: second})
	b := open(t, s)
	got, newest := mustRead(t, b, backend.Ref{Key: "db"})
	wantFields(t, got, second)
	if doc.Version == "" || newest.Version == "" || doc.Version == newest.Version {
		t.Fatalf("versions %q and then %q", doc.Version, newest.Version)
	}
	got, _ = mustRead(t, b, backend.Ref{Key: "db", Version: doc.Version})
	wantFields(t, got, first)
	_, err := b.Read(t.Context(), backend.Ref{Key: "db", Version: "99"})
	wantKind(t, err, backend.NotFound)
}

func (h Harness) metadata(t *testing.T) {
	s := h.New(t)
	const canary = "canary-value-9127"
	s.Put("db", Item{Fields: map[string]string{"user": canary}, Tags: map[string]string{"env": "dev-7"}})
	b := open(t, s)
	doc, err := b.Read(t.Context(), backend.Ref{Key: "db", Metadata: true})
	if !h.Metadata {
		wantKind(t, err, backend.Unsupported)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc.Value.Reveal())
	if !strings.Contains(text, `"env":"dev-7"`) {
		t.Errorf("the metadata lacks the tag: %s", text)
	}
	if strings.Contains(text, canary) {
		t.Error("the metadata holds the value")
	}
	_, err = b.Read(t.Context(), backend.Ref{Key: "not-there", Metadata: true})
	wantKind(t, err, backend.NotFound)
}

// mib is the largest value that a Kubernetes Secret can hold.
const mib = 1 << 20

func (h Harness) sizes(t *testing.T) {
	s := h.New(t)
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	large := make([]byte, mib)
	for i := range large {
		large[i] = letters[rand.IntN(len(letters))]
	}
	for key, value := range map[string]string{"empty": "", "large": string(large)} {
		s.Put(key, Item{Fields: map[string]string{"value": value}})
	}
	b := open(t, s)
	got, _ := mustRead(t, b, backend.Ref{Key: "empty"})
	wantFields(t, got, map[string]string{"value": ""})
	got, _ = mustRead(t, b, backend.Ref{Key: "large"})
	if got["value"] != string(large) {
		t.Errorf("a value of 1 MiB came back as %d other bytes", len(got["value"]))
	}
}

func (h Harness) binary(t *testing.T) {
	if !h.Binary {
		return // its values are text, so that there is nothing to keep apart
	}
	s := h.New(t)
	want := map[string]string{"key.der": "\x00\x01\xff\xfe\x80", "text": "ü"}
	s.Put("db", Item{Fields: want})
	got, doc := mustRead(t, open(t, s), backend.Ref{Key: "db"})
	wantFields(t, got, want)
	if doc.Fields == nil {
		t.Error("binary values need Fields")
	}
}

func (h Harness) anyText(t *testing.T) {
	s := h.New(t)
	key, want := "db", map[string]string{"text": "Grüße, 世界 🗝 \u2028 </script>"}
	if h.FreeNames {
		want["Schlüssel.鍵 %2F?#"] = "x"
		key = "日本 a%2Fb?c=d#e;f+g&h"
		if h.Paths {
			key += "/ü"
		}
	}
	s.Put(key, Item{Fields: want})
	b := open(t, s)
	got, _ := mustRead(t, b, backend.Ref{Key: key})
	wantFields(t, got, want)
	wantKeys(t, find(t, b, backend.Query{}), key)
}
