package fake_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/fake"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func open(t *testing.T, cfg delivery.Config) backend.Backend {
	t.Helper()
	b, err := fake.Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSuite(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Versions: true, FreeNames: true,
		New: func(t *testing.T) backendtest.Store {
			var cfg delivery.FakeConfig
			return backendtest.Store{
				Put: func(key string, item backendtest.Item) {
					value, err := json.Marshal(item.Fields)
					if err != nil {
						t.Fatal(err)
					}
					version := strconv.Itoa(len(cfg.Data) + 1)
					cfg.Data = append(cfg.Data, delivery.FakeEntry{Key: key, Value: string(value), Version: version})
				},
				Open: func() backend.Backend { return open(t, cfg) },
			}
		},
	})
}

func TestReadPicksTheEntryThatTheOriginalPicks(t *testing.T) {
	t.Parallel()
	b := open(t, delivery.FakeConfig{Data: []delivery.FakeEntry{
		{Key: "k", Value: "first"},
		{Key: "k", Value: "unversioned"},
		{Key: "k", Value: "v1", Version: "v1"},
		{Key: "k", Value: "v2", Version: "v2"},
		{Key: "k", Value: "v2 again", Version: "v2"},
		{Key: "only-versions", Value: "a", Version: "b"},
		{Key: "only-versions", Value: "z", Version: "a"},
	}})
	for ref, want := range map[backend.Ref]string{
		{Key: "k"}:                           "unversioned",
		{Key: "k", Version: "v1"}:            "v1",
		{Key: "k", Version: "v2"}:            "v2 again",
		{Key: "only-versions"}:               "z",
		{Key: "only-versions", Version: "b"}: "a",
	} {
		doc, err := b.Read(t.Context(), ref)
		if err != nil {
			t.Errorf("Read(%+v): %v", ref, err)
			continue
		}
		if got := string(doc.Value.Reveal()); got != want {
			t.Errorf("Read(%+v) = %q, want %q", ref, got, want)
		}
	}
	refs, err := b.(backend.Finder).Find(t.Context(), backend.Query{Name: "^k$"})
	if err != nil || len(refs) != 1 || refs[0].Version != "v2" {
		t.Errorf("Find = %v, %v, want the greatest version", refs, err)
	}
}

func TestCheckEndsAsItIsSetUp(t *testing.T) {
	t.Parallel()
	if err := open(t, delivery.FakeConfig{}).Check(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := open(t, delivery.FakeConfig{Unknown: true}).Check(t.Context()); !errors.Is(err, backend.ErrUndecided) {
		t.Errorf("unknown: %v", err)
	}
	if err := open(t, delivery.FakeConfig{Invalid: true}).Check(t.Context()); backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("invalid: %v", err)
	}
}

func TestOpenRefusesAnotherConfig(t *testing.T) {
	t.Parallel()
	_, err := fake.Open(t.Context(), delivery.VaultConfig{}, nil)
	if backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("got %v", err)
	}
}
