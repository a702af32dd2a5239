package sealing

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// BenchmarkOpen is one entry under the size of key that clusters have: the
// first time with one key, and with the wrong ones before it.
func BenchmarkOpen(b *testing.B) {
	var keys []Key
	var certs []Certificate
	for range 4 {
		key, cert, err := Generate(4096, time.Unix(1_800_000_000, 0), time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		keys, certs = append(keys, key), append(certs, cert)
	}
	for name, c := range map[string]struct {
		to []Certificate
		at []Key
	}{
		"one/key=1":      {certs[:1], keys[:1]},
		"one/key=4of4":   {certs[3:], keys},
		"three/key=4of4": {certs[1:], append(append([]Key{}, keys[0]), keys[3])},
	} {
		text, err := Seal(rand.Reader, c.to, "shop/db", secret.New(make([]byte, 1000)))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportMetric(float64(len(text)), "bytes/entry")
			for b.Loop() {
				if _, _, err := Open(c.at, "shop/db", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeyringOpen is an object of one entry in a cluster with two years
// of keys, sealed for the oldest.
func BenchmarkKeyringOpen(b *testing.B) {
	const months = 24
	r := NewKeyring(nil, Options{})
	var all []*corev1.Secret
	var oldest Certificate
	for i := range months {
		key, cert, err := Generate(2048, time.Unix(1_800_000_000-int64(i), 0), time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		all, oldest = append(all, keySecret(fmt.Sprint(i), key, &cert)), cert
	}
	r.mu.Lock()
	r.set(all)
	r.mu.Unlock()
	s := delivery.Sealed{Entries: map[string]string{}, Scope: delivery.SealStrict, Namespace: "shop", Name: "db"}
	text, err := Seal(rand.Reader, []Certificate{oldest}, s.Label(), secret.NewString("x"))
	if err != nil {
		b.Fatal(err)
	}
	s.Entries["a"] = text
	for b.Loop() {
		if _, err := r.Open(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadKey is what a cluster's key costs at the start, once.
func BenchmarkReadKey(b *testing.B) {
	key, cert, err := Generate(4096, time.Unix(1_800_000_000, 0), time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	s := keySecret("k", key, &cert)
	for b.Loop() {
		if k, fault := readKey(s); k == nil || fault != nil {
			b.Fatal(fault)
		}
	}
}
