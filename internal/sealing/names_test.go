package sealing_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	p := pairs()
	for _, to := range [][]pair{p[:1], p[:3]} {
		sealed, err := sealing.Seal(rand.Reader, certsOf(to...), "shop/db", value("x"))
		if err != nil {
			t.Fatal(err)
		}
		var want []sealing.KeyID
		if len(to) > 1 {
			for _, c := range certsOf(to...) {
				want = append(want, c.ID)
			}
		}
		if got, err := sealing.Names(sealed); err != nil || !slices.Equal(got, want) {
			t.Errorf("for %d: %v, %v", len(to), got, err)
		}
	}
	for _, text := range []string{"", "no base64", "AAAA", manyPrefix + "AQ=="} {
		if _, err := sealing.Names(text); !errors.Is(err, sealing.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
