package sealing_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// pairOf is a key with a certificate for that time.
func pairOf(t testing.TB, from time.Time, validity time.Duration) pair {
	t.Helper()
	key, cert, err := sealing.Generate(2048, from, validity)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, cert}
}

const day = 24 * time.Hour

// at are options with which it is that time, and no key is renewed.
func at(now time.Time) sealing.Options {
	return sealing.Options{Bits: 2048, Renew: -1, Now: func() time.Time { return now }}
}

func faultsOf(r *sealing.Keyring) string {
	var out []string
	for _, f := range r.Faults() {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

// An expired key opens, and nothing is moved to it from one that is valid.
func TestAnExpiredKeyIsNotSealedFor(t *testing.T) {
	t.Parallel()
	now := start.AddDate(0, 6, 0)
	valid, expired := pairs()[0], pairOf(t, now.Add(-30*day), 29*day)
	secrets := secretsOf(t)
	create(t, secrets, keySecret("valid", sealing.KeyActive, valid), keySecret("expired", sealing.KeyActive, expired))
	r := loaded(t, secrets, at(now))
	if cert, err := r.Newest(); err != nil || cert.ID != valid.key.ID || len(r.Certificates()) != 1 {
		t.Errorf("sealed for %s, %v", cert.ID, err)
	}
	for _, to := range []pair{valid, expired} {
		s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, to)
		got, err := r.Reseal(t.Context(), rand.Reader, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, id, err := sealing.Open(keysOf(valid, expired), s.Label(), got["a"]); err != nil || id != valid.key.ID {
			t.Errorf("it is sealed for %s, %v", id, err)
		}
	}
	if got := faultsOf(r); !strings.HasPrefix(got, "Secret expired: tls.crt: it expired on 2026-06-30") || strings.Contains(got, "\n") || !r.Faults()[0].Opens {
		t.Errorf("faults: %s", got)
	}
	if name, err := r.Rotate(t.Context(), now); name != "" || err != nil {
		t.Errorf("made %q, %v", name, err)
	}
	// What expired before another took its place is worth no word.
	late := loaded(t, secrets, at(start.AddDate(20, 0, 0)))
	create(t, secrets, keySecret("new", sealing.KeyActive, pairOf(t, start.AddDate(19, 0, 0), 10*365*day)))
	if err := late.Load(t.Context()); err != nil || len(late.Faults()) > 0 || len(late.Certificates()) != 1 {
		t.Errorf("faults: %s, %v", faultsOf(late), err)
	}
}

func TestWhereAllKeysExpiredNothingIsSealed(t *testing.T) {
	t.Parallel()
	now := start.AddDate(20, 0, 0)
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k", sealing.KeyActive, pairs()[0]))
	off, on := at(now), at(now)
	on.Renew = 0
	s := sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, pairs()[0])
	for way, opts := range map[string]sealing.Options{"--sealed-key-renew-period": off, "the operator makes another": on} {
		r := loaded(t, secrets, opts)
		_, err := r.Newest()
		_, moved := r.Reseal(t.Context(), rand.Reader, s)
		for _, err := range []error{err, moved} {
			if delivery.KindOf(err) != delivery.Unavailable || !strings.Contains(err.Error(), "of Secret k, expired on 2035-12-30;") || !strings.Contains(err.Error(), way) {
				t.Errorf("%v, want %s", err, way)
			}
		}
		if got, err := r.Open(t.Context(), s); err != nil || string(got["a"].Reveal()) != "1" {
			t.Error(err)
		}
		if got := faultsOf(r); !strings.Contains(got, "Secret k: tls.crt: it expired on") {
			t.Errorf("faults: %s", got)
		}
	}
	if name, err := sealing.NewKeyring(secrets, on).Rotate(t.Context(), now); name == "" || err != nil {
		t.Errorf("made %q, %v", name, err)
	}
}

// A certificate of the future is sealed for when its time has come, and no
// sooner. Meanwhile keys are renewed as if it were not there.
func TestAKeyOfTheFutureWaits(t *testing.T) {
	t.Parallel()
	now := start.AddDate(0, 2, 0)
	old, future := pairs()[0], pairOf(t, now.Add(time.Hour), 365*day)
	secrets := secretsOf(t)
	create(t, secrets, keySecret("future", sealing.KeyActive, future))
	// Alone, it serves: clocks differ by hours.
	r := loaded(t, secrets, at(now))
	if cert, err := r.Newest(); err != nil || cert.ID != future.key.ID || len(r.Faults()) > 0 {
		t.Errorf("sealed for %s, %v; faults: %s", cert.ID, err, faultsOf(r))
	}
	far := loaded(t, secrets, at(now.Add(-25*time.Hour)))
	if _, err := far.Newest(); delivery.KindOf(err) != delivery.Unavailable || !strings.Contains(err.Error(), "of Secret future, is valid only from 2026-03-01") {
		t.Error(err)
	}

	create(t, secrets, keySecret("old", sealing.KeyActive, old))
	r = loaded(t, secrets, at(now))
	if cert, err := r.Newest(); err != nil || cert.ID != old.key.ID {
		t.Errorf("sealed for %s, %v", cert.ID, err)
	}
	if got := faultsOf(r); !strings.Contains(got, "Secret future: tls.crt: it is valid only from 2026-03-01") {
		t.Errorf("faults: %s", got)
	}
	if _, err := r.Open(t.Context(), sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, future)); err != nil {
		t.Error(err)
	}
	after := loaded(t, secrets, at(now.Add(time.Hour)))
	if cert, err := after.Newest(); err != nil || cert.ID != future.key.ID || len(after.Faults()) > 0 {
		t.Errorf("sealed for %s, %v; faults: %s", cert.ID, err, faultsOf(after))
	}
	renewing := at(now)
	renewing.Renew = 0
	if name, err := sealing.NewKeyring(secrets, renewing).Rotate(t.Context(), now); name == "" || err != nil {
		t.Errorf("made %q, %v", name, err)
	}
}
