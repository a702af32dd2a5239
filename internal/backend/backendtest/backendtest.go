// Package backendtest is the one suite that every backend passes.
package backendtest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Harness says what a store can do, and makes stores to try it on. What it
// cannot do it must refuse as Unsupported.
type Harness struct {
	// New makes a store that nobody else uses.
	New func(t *testing.T) Store

	Versions  bool // a version of a secret can be read
	Metadata  bool // what the store knows about a secret can be read
	Tags      bool // secrets can be found by tags
	Paths     bool // keys are paths, and secrets can be found below one
	Prefixes  bool // a search's path is what keys begin with
	Whole     bool // the empty key reads everything
	Binary    bool // values can be any bytes
	FreeNames bool // keys and the names of fields can be any text
}

// Store is one store, as its owner sees it.
type Store struct {
	// Put writes a secret, or its next version.
	Put func(key string, item Item)
	// Delete deletes a secret; nil if the store is fixed once it is open.
	Delete func(key string)
	// Open opens a session that sees what was put before.
	Open func() backend.Backend
	// Refused opens a session whose credential the store does not accept;
	// nil if it asks for none.
	Refused func() (b backend.Backend, credential string)
	// Lend makes a key whose every read is a loan, for Lending.
	Lend func() (key string)
}

// Item is a secret in parts.
type Item struct {
	Fields map[string]string
	Tags   map[string]string
}

// Run runs the suite, without Lending. The calling test must not be parallel: the first part
// counts goroutines.
func Run(t *testing.T, h Harness) {
	t.Run("Close leaves no goroutine", h.leak)
	for name, test := range map[string]func(*testing.T){
		"reads":                        h.reads,
		"missing is NotFound":          h.missing,
		"deleted is NotFound":          h.deleted,
		"versions":                     h.versions,
		"metadata":                     h.metadata,
		"finds by name":                h.findsByName,
		"finds below a path":           h.findsByPath,
		"finds by tags":                h.findsByTags,
		"bad searches are refused":     h.badSearch,
		"concurrent use":               h.concurrent,
		"cancelled":                    h.cancelled,
		"empty and large values":       h.sizes,
		"binary values":                h.binary,
		"any text":                     h.anyText,
		"refused credentials":          h.refused,
		"errors never hold the values": h.canary,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
	Writing(t, h)
}

// open opens a session for the length of the test.
func open(t *testing.T, s Store) backend.Backend {
	t.Helper()
	b := s.Open()
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// mustRead reads a secret's fields.
func mustRead(t *testing.T, b backend.Backend, ref backend.Ref) (map[string]string, backend.Document) {
	t.Helper()
	doc, err := b.Read(t.Context(), ref)
	if err != nil {
		t.Fatalf("Read(%+v): %v", ref, err)
	}
	return fields(t, doc), doc
}

// fields are a Document's parts: its Fields, else the strings of its JSON.
func fields(t *testing.T, doc backend.Document) map[string]string {
	t.Helper()
	out := map[string]string{}
	if doc.Fields != nil {
		for name, value := range doc.Fields {
			out[name] = string(value.Reveal())
		}
		return out
	}
	if err := json.Unmarshal(doc.Value.Reveal(), &out); err != nil {
		t.Fatalf("the value is no JSON object of strings: %v", err)
	}
	return out
}

func wantFields(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("read %d fields %q, want %d fields %q", len(got), slices.Sorted(maps.Keys(got)), len(want), slices.Sorted(maps.Keys(want)))
	}
}

func wantKind(t *testing.T, err error, want backend.Kind) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one of kind %q", want)
		return
	}
	if got := backend.KindOf(err); got != want {
		t.Errorf("error %q is of kind %q, want %q", err, got, want)
	}
}

// find searches and returns the keys, in the order in which they came.
func find(t *testing.T, b backend.Backend, q backend.Query) []string {
	t.Helper()
	refs, err := finder(t, b).Find(t.Context(), q)
	if err != nil {
		t.Fatalf("Find(%+v): %v", q, err)
	}
	keys := make([]string, len(refs))
	for i, ref := range refs {
		keys[i] = ref.Key
	}
	return keys
}

func finder(t *testing.T, b backend.Backend) backend.Finder {
	t.Helper()
	f, ok := b.(backend.Finder)
	if !ok {
		t.Fatalf("%T cannot search", b)
	}
	return f
}

func wantKeys(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// Credentials resolves credentials from a map, by their names.
type Credentials map[string]string

// Resolve implements backend.Credentials.
func (c Credentials) Resolve(_ context.Context, ref delivery.Credential) (secret.Value, error) {
	v, ok := c[ref.Name]
	if !ok {
		return secret.Value{}, &backend.Error{Kind: backend.Misconfigured, Message: "there is no credential " + ref.Name}
	}
	return secret.NewString(v), nil
}
