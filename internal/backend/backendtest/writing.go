package backendtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Writing runs the part of the suite that is for backends which can write. It
// passes over those that cannot.
func Writing(t *testing.T, h Harness) {
	if _, ok := open(t, h.New(t)).(backend.Writer); !ok {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"writes":                       h.writes,
		"what is so is not written":    h.writesOnce,
		"writes over what was deleted": h.writesOverDeleted,
		"writes any text":              h.writesText,
		"writes bytes or refuses":      h.writesBytes,
		"writes are whole":             h.writesWhole,
		"cancelled writes":             h.writesCancelled,
		"refused writes":               h.writesRefused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// writer opens a session that writes.
func writer(t *testing.T, s Store) (backend.Backend, backend.Writer) {
	t.Helper()
	b := open(t, s)
	return b, b.(backend.Writer)
}

func data(fields map[string]string) secret.Data {
	d := secret.Data{}
	for name, value := range fields {
		d[name] = secret.NewString(value)
	}
	return d
}

func mustWrite(t *testing.T, w backend.Writer, key string, fields map[string]string, wantChanged bool) {
	t.Helper()
	changed, err := w.Write(t.Context(), key, data(fields))
	if err != nil || changed != wantChanged {
		t.Fatalf("Write(%s) of %d fields: changed %v, %v; want changed %v", key, len(fields), changed, err, wantChanged)
	}
}

func (h Harness) writes(t *testing.T) {
	b, w := writer(t, h.New(t))
	first := map[string]string{"user": "app", "password": `p"a\s<s>&`}
	second := map[string]string{"user": "app", "token": ""}
	mustWrite(t, w, "db", first, true)
	got, _ := mustRead(t, b, backend.Ref{Key: "db"})
	wantFields(t, got, first)
	// What is not written any more is gone.
	mustWrite(t, w, "db", second, true)
	got, _ = mustRead(t, b, backend.Ref{Key: "db"})
	wantFields(t, got, second)
}

func (h Harness) writesOnce(t *testing.T) {
	s := h.New(t)
	b, w := writer(t, s)
	fields := map[string]string{"a": "1", "b": "2"}
	s.Put("theirs", Item{Fields: fields})
	mustWrite(t, w, "ours", fields, true)
	for _, key := range []string{"theirs", "ours"} {
		_, before := mustRead(t, b, backend.Ref{Key: key})
		for range 3 {
			mustWrite(t, w, key, fields, false)
		}
		_, another := writer(t, s)
		mustWrite(t, another, key, fields, false)
		if _, after := mustRead(t, b, backend.Ref{Key: key}); after.Version != before.Version {
			t.Errorf("%s: what was so already became version %s of %s", key, after.Version, before.Version)
		}
	}
	for name, near := range map[string]map[string]string{
		"another value": {"a": "1", "b": "3"}, "another name": {"a": "1", "c": "2"},
		"fewer": {"a": "1"}, "more": {"a": "1", "b": "2", "c": ""},
	} {
		mustWrite(t, w, name, fields, true)
		mustWrite(t, w, name, near, true)
	}
}

func (h Harness) writesOverDeleted(t *testing.T) {
	s := h.New(t)
	b, w := writer(t, s)
	if s.Delete == nil {
		return
	}
	fields := map[string]string{"user": "app"}
	s.Put("db", Item{Fields: fields})
	s.Delete("db")
	mustWrite(t, w, "db", fields, true)
	got, _ := mustRead(t, b, backend.Ref{Key: "db"})
	wantFields(t, got, fields)
	mustWrite(t, w, "db", fields, false)
}

func (h Harness) writesText(t *testing.T) {
	b, w := writer(t, h.New(t))
	key, want := "db", map[string]string{
		"text": "Grüße, 世界 🗝 \u2028 </script> \ufffd", "control": "a\x00\x01\r\n\x7f", "base64": "aGVsbG8=", "number": "1e400",
		"large": strings.Repeat("x<", mib/4),
	}
	if h.FreeNames {
		want["Schlüssel.鍵 %2F?#"] = "x"
		key = "日本 a%2Fb?c=d#e;f+g&h"
	}
	mustWrite(t, w, key, want, true)
	got, _ := mustRead(t, b, backend.Ref{Key: key})
	if !maps.Equal(got, want) {
		t.Error("text that was written came back as another")
	}
	mustWrite(t, w, key, want, false)
}

func (h Harness) writesBytes(t *testing.T) {
	b, w := writer(t, h.New(t))
	fields := map[string]string{"key.der": "\x00\xff\xfe canary-9f2b", "text": "x"}
	changed, err := w.Write(t.Context(), "db", data(fields))
	if h.Binary {
		got, _ := mustRead(t, b, backend.Ref{Key: "db"})
		wantFields(t, got, fields)
		return
	}
	wantKind(t, err, backend.Unsupported)
	if changed || err != nil && !strings.Contains(err.Error(), `"key.der"`) {
		t.Errorf("changed %v; the error does not name the key: %v", changed, err)
	}
	if err != nil {
		wantClean(t, err, "canary-9f2b")
	}
	_, err = b.Read(t.Context(), backend.Ref{Key: "db"})
	wantKind(t, err, backend.NotFound)
}

// writesWhole lets writers race. They may be told to come again, but what is
// there in the end is what one of them wrote.
func (h Harness) writesWhole(t *testing.T) {
	s := h.New(t)
	b, w := writer(t, s)
	var group sync.WaitGroup
	for i := range 8 {
		n := strconv.Itoa(i)
		group.Go(func() {
			_, err := w.Write(t.Context(), "db", data(map[string]string{"a": n, "b": n, n: n}))
			if err != nil && backend.KindOf(err) != backend.Unavailable {
				t.Errorf("writer %s: %v", n, err)
			}
		})
	}
	group.Wait()
	got, _ := mustRead(t, b, backend.Ref{Key: "db"})
	n := got["a"]
	wantFields(t, got, map[string]string{"a": n, "b": n, n: n})
}

func (h Harness) writesCancelled(t *testing.T) {
	b, w := writer(t, h.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Write(ctx, "db", data(map[string]string{"a": "b"}))
	if !errors.Is(err, context.Canceled) || backend.KindOf(err) != backend.Unavailable {
		t.Errorf("got %v, want Unavailable because of context.Canceled", err)
	}
	_, err = b.Read(t.Context(), backend.Ref{Key: "db"})
	wantKind(t, err, backend.NotFound)
}

func (h Harness) writesRefused(t *testing.T) {
	s := h.New(t)
	b, w := writer(t, s)
	const canary = "canary-77c0-value"
	fields := map[string]string{canary: canary}
	var errs []error
	for _, key := range []string{"", "/", "../db", "a/../../db"} {
		_, err := w.Write(t.Context(), key, data(fields))
		if err == nil {
			t.Errorf("Write(%q) succeeds", key)
		}
		errs = append(errs, err)
	}
	if keys := find(t, b, backend.Query{}); len(keys) > 0 {
		t.Errorf("there is %q", slices.Sorted(slices.Values(keys)))
	}
	if s.Refused != nil {
		stranger, credential := s.Refused()
		defer func() { _ = stranger.Close(context.Background()) }()
		_, err := stranger.(backend.Writer).Write(t.Context(), "db", data(fields))
		wantKind(t, err, backend.Refused)
		wantClean(t, err, credential)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err != nil {
			wantClean(t, err, canary)
		}
	}
}
