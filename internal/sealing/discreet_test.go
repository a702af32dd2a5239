package sealing_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Who may read the objects learns which keys there are; who only asks does not,
// though both are told of the same entry.
func TestStrangersLearnNothingOfTheKeys(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	broken := keySecret("hush-broken", sealing.KeyActive, p[3])
	broken.Data["tls.key"] = []byte("x")
	create(t, secrets, keySecret("hush-good", sealing.KeyActive, p[0]), keySecret("hush-leaked", "hush-label", p[1]), broken)
	ring := loaded(t, secrets, sealing.Options{Now: func() time.Time { return start.AddDate(0, 1, 0) }})
	plain := map[string]string{"a": "1"}
	for name, c := range map[string]struct {
		sealed delivery.Sealed
		says   string
		known  []string
	}{
		"none of the keys": {
			sealed(t, delivery.SealStrict, plain, p[4]),
			`cannot be opened: "a": none of this cluster's keys opens it: it was sealed for another cluster, or for another namespace or name than shop/db`,
			[]string{"keys (1)", "Secret hush-broken"},
		},
		"a key out of use": {
			sealed(t, delivery.SealStrict, plain, p[1]),
			`cannot be opened: "a": it was sealed for a key that is out of use; seal it again, for the newest key`,
			[]string{"Secret hush-leaked", "hush-label"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := map[string]func() error{
				"open":   func() error { _, err := ring.Discreet().Open(t.Context(), c.sealed); return err },
				"reseal": func() error { _, err := ring.Discreet().Reseal(t.Context(), rand.Reader, c.sealed); return err },
			}
			for what, do := range ask {
				_, known := ring.Open(t.Context(), c.sealed)
				err := do()
				if err == nil || err.Error() != c.says || delivery.KindOf(err) != delivery.Refused {
					t.Errorf("%s: %v", what, err)
				}
				for _, part := range c.known {
					if !strings.Contains(known.Error(), part) {
						t.Errorf("who may know is told %v, want %q in it", known, part)
					}
				}
			}
		})
	}
	s := sealed(t, delivery.SealStrict, plain, p[0])
	if got, err := ring.Discreet().Open(t.Context(), s); err != nil || string(got["a"].Reveal()) != "1" {
		t.Error(err)
	}
	if got, err := ring.Discreet().Reseal(t.Context(), rand.Reader, s); err != nil || got["a"] != s.Entries["a"] {
		t.Error(err)
	}
	late := loaded(t, secrets, sealing.Options{Now: func() time.Time { return start.AddDate(20, 0, 0) }})
	if _, err := late.Discreet().Newest(); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "the newest certificate expired on 2035-12-30; ") {
		t.Error(err)
	}
}
