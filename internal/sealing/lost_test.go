package sealing_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Of what a lost key opened nothing is known any more; another key's goes on to
// be known, and a key that comes loses nothing.
func TestALostKeyIsCounted(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]), keySecret("k1", sealing.KeyActive, p[1]))
	r := loaded(t, secrets, sealing.Options{})
	plain := map[string]string{"a": "1"}
	stays, goes := sealed(t, delivery.SealStrict, plain, p[0]), sealed(t, delivery.SealStrict, plain, p[1])
	both := sealed(t, delivery.SealStrict, plain, p[0])
	both.Entries["b"] = goes.Entries["a"]
	if r.Fits(&goes) {
		t.Error("what was never opened is known to open")
	}
	for _, s := range []delivery.Sealed{stays, goes, both} {
		if _, err := r.Open(t.Context(), s); err != nil || !r.Fits(&s) {
			t.Fatalf("it opens: %v", err)
		}
	}
	create(t, secrets, keySecret("k2", sealing.KeyActive, p[2]))
	if err := r.Load(t.Context()); err != nil || r.Lost() != 0 {
		t.Fatalf("a key that came counts as %d lost, %v", r.Lost(), err)
	}
	if err := secrets.Delete(t.Context(), "k1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same keys again lose nothing more
		if err := r.Load(t.Context()); err != nil || r.Lost() != 1 {
			t.Fatalf("%d lost, %v", r.Lost(), err)
		}
	}
	if !r.Fits(&stays) || r.Fits(&goes) || r.Fits(&both) {
		t.Errorf("fits: %t, %t, %t", r.Fits(&stays), r.Fits(&goes), r.Fits(&both))
	}
}
