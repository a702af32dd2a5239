package backendtest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/tacit-secrets/tacit/internal/backend"
)

func (h Harness) leak(t *testing.T) {
	s := h.New(t)
	put(s, nil, "db")
	before := goleak.IgnoreCurrent()
	b := s.Open()
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := b.Read(t.Context(), backend.Ref{Key: "db"}); err != nil {
				t.Errorf("Read: %v", err)
			}
		})
	}
	group.Wait()
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	// Goroutines of connections end when they learn that those are closed.
	eventually(t, func() error { return goleak.Find(before) })
}

func (h Harness) concurrent(t *testing.T) {
	s := h.New(t)
	put(s, nil, "a", "b", "c", "d")
	b := open(t, s)
	var group sync.WaitGroup
	for i := range 32 {
		key := string(rune('a' + i%4))
		group.Go(func() {
			doc, err := b.Read(t.Context(), backend.Ref{Key: key})
			if err != nil {
				t.Errorf("Read(%s): %v", key, err)
				return
			}
			if got := fields(t, doc)["key"]; got != key {
				t.Errorf("Read(%s) gave the secret of %s", key, got)
			}
		})
		group.Go(func() {
			if err := b.Check(t.Context()); err != nil {
				t.Errorf("Check: %v", err)
			}
		})
	}
	group.Wait()
}

func (h Harness) cancelled(t *testing.T) {
	s := h.New(t)
	put(s, nil, "db")
	for _, state := range []string{"new", "used"} {
		b := open(t, s)
		if state == "used" {
			mustRead(t, b, backend.Ref{Key: "db"})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, read := b.Read(ctx, backend.Ref{Key: "db"})
		_, found := finder(t, b).Find(ctx, backend.Query{})
		for call, err := range map[string]error{"Check": b.Check(ctx), "Read": read, "Find": found} {
			if !errors.Is(err, context.Canceled) || backend.KindOf(err) != backend.Unavailable {
				t.Errorf("%s of a %s session gives %v (%s), want Unavailable because of context.Canceled", call, state, err, backend.KindOf(err))
			}
		}
		// The session is none the worse for it.
		mustRead(t, b, backend.Ref{Key: "db"})
	}
}

func (h Harness) refused(t *testing.T) {
	s := h.New(t)
	put(s, nil, "db")
	if s.Refused == nil {
		return // it asks for no credential
	}
	b, credential := s.Refused()
	defer func() { _ = b.Close(context.Background()) }()
	_, read := b.Read(t.Context(), backend.Ref{Key: "db"})
	_, found := finder(t, b).Find(t.Context(), backend.Query{})
	for call, err := range map[string]error{"Check": b.Check(t.Context()), "Read": read, "Find": found} {
		wantKind(t, err, backend.Refused)
		var e *backend.Error
		if errors.As(err, &e) && !e.LoggedOut {
			t.Errorf("%s does not say that it was the session that was refused", call)
		}
		wantClean(t, err, credential)
	}
}

func (h Harness) canary(t *testing.T) {
	s := h.New(t)
	const canary = "canary-5b1f-value"
	s.Put("db", Item{Fields: map[string]string{canary: canary}, Tags: map[string]string{"env": "x"}})
	b := open(t, s)
	mustRead(t, b, backend.Ref{Key: "db"})
	var errs []error
	for _, ref := range []backend.Ref{
		{Key: ""}, {Key: "/"}, {Key: "nope"}, {Key: "db/nope"}, {Key: "../db"}, {Key: "a/../../db"}, {Key: "db", Version: "77"},
		{Key: "db", Version: "x&y"}, {Key: "nope", Metadata: true}, {Key: strings.Repeat("k", 300)},
	} {
		doc, err := b.Read(t.Context(), ref)
		if err == nil && (!h.Whole || ref.Key != "") {
			t.Errorf("Read(%+v) succeeds: %v", ref, doc)
		}
		errs = append(errs, err)
	}
	for _, q := range []backend.Query{{Name: "("}, {Path: "../x"}} {
		_, err := finder(t, b).Find(t.Context(), q)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err != nil {
			wantClean(t, err, canary)
		}
	}
}

// wantClean checks that an error is fit to show: none of its texts holds the
// secret in any form, and it is short, valid and on one line.
func wantClean(t *testing.T, err error, secret string) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, form := range []string{
			secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(text, form) {
				t.Errorf("an error holds a secret: %s", strings.ReplaceAll(text, secret, "<SECRET>"))
			}
		}
	}
	if text := err.Error(); len(text) > 1500 || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\x00") {
		t.Errorf("an error is too long or not one line of text: %q", text)
	}
}
