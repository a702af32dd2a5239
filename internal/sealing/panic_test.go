package sealing

import (
	"testing"
)

// Who recovers from a panic goes on with as many turns as before.
func TestATurnEndsInAPanicToo(t *testing.T) {
	t.Parallel()
	r, certs := ringOf(t, 1)
	s := object(t, 1, certs[0])
	o, err := r.opener(t.Context(), &s)
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	o.turn = func() (func(), error) { held++; return func() { held-- }, nil }
	defer func() {
		if recover() == nil || held != 0 {
			t.Errorf("%d turns have not ended", held)
		}
	}()
	_ = o.each(func(string, string) error { panic("a fault in the code") })
}
