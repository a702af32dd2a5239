package fetch_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
)

// documents is a store of n documents of size bytes, k0000 and on.
func documents(n, size int) *memory {
	text := `{"a":"1","rest":"` + strings.Repeat("x", size) + `"}`
	var kv []string
	for i := range n {
		kv = append(kv, fmt.Sprintf("k%04d", i), text[:size-2]+`"}`)
	}
	return store(kv...)
}

// A tenant chooses the server, and how much it answers.
func TestReadingEndsWhenThereIsTooMuch(t *testing.T) {
	t.Parallel()
	const size = 1 << 10
	opts := fetch.Options{MaxBytes: 20 * size, Parallel: 3}
	var named, searched []delivery.Source
	for i := range 1000 {
		named = append(named, value("v", fmt.Sprintf("k%04d", i), "a"))
		searched = append(searched, found("x"))
	}
	searched[0], searched[1] = value("v", "k0000", "a"), found("")
	for name, c := range map[string]struct {
		sources []delivery.Source
		want    string
	}{
		"named":    {named, `key "k0040": more than 40960 bytes`},
		"searched": {searched, `ClusterSecretStore "vault", find: more than 40960 bytes`},
	} {
		r := documents(1000, size)
		_, err := run(t, r, opts, c.sources...)
		wantError(t, err, delivery.Malformed, c.want)
		if n := len(r.reads); n < 41 || n > 41+opts.Parallel {
			t.Errorf("%s: %d reads of what fits 40 times", name, n)
		}
	}
}

// What is looked into may be larger than what is taken of it.
func TestAPartOfMuchIsTaken(t *testing.T) {
	t.Parallel()
	const size = 1 << 10
	r := documents(40, size)
	var sources []delivery.Source
	want := map[string]string{}
	for i := range 40 {
		into := fmt.Sprintf("v%d", i)
		sources, want[into] = append(sources, value(into, fmt.Sprintf("k%04d", i), "a")), "1"
	}
	got, err := run(t, r, fetch.Options{MaxBytes: 20 * size}, sources...)
	wantData(t, got, err, want)
}

// The source with which it becomes too much is named, in whichever order the
// answers come; and what is wrong with a source before it goes first.
func TestTooMuchIsToldOfTheSameSourceEveryTime(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"k0000", "k0001", "k0002"} {
		for _, broken := range []bool{false, true} {
			r := documents(3, 1000)
			others := make(chan struct{}) // closed when all have begun
			var begun atomic.Int32
			done := make(chan struct{})
			r.before = func(_ context.Context, key string) error {
				if begun.Add(1) == 3 {
					close(others)
				}
				<-others
				if key == first {
					defer close(done)
				} else {
					<-done
				}
				return nil
			}
			want, kind := `key "k0001": more than 1600 bytes`, delivery.Malformed
			if broken {
				delete(r.docs, "k0000")
				want, kind = `key "k0000": it does not exist`, delivery.SourceMissing
			}
			_, err := run(t, r, fetch.Options{MaxBytes: 800},
				value("a", "k0000", "a"), value("b", "k0001", "a"), value("c", "k0002", "a"))
			wantError(t, err, kind, want)
		}
	}
}

func TestSearchesShareWhatMayRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := documents(20, 100)
		var reads crowd
		r.before = func(context.Context, string) error {
			reads.enter()
			defer reads.leave()
			time.Sleep(time.Second) // until all that may have begun
			return nil
		}
		if _, err := run(t, r, fetch.Options{Parallel: 2}, found("k"), found("0"), found("")); err != nil {
			t.Fatal(err)
		}
		if reads.most != 2 {
			t.Errorf("%d reads at once, want 2", reads.most)
		}
	})
}
