package sealing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// turns are given one at a time, and counted.
type turns struct{ given, held int }

func (n *turns) turn(ctx context.Context) (func(), error) {
	if n.held > 0 {
		return nil, errors.New("the turn before has not ended")
	}
	n.given++
	n.held++
	return func() { n.held-- }, ctx.Err()
}

// of20 is an object of twenty entries, "00" to "19", of which some are changed.
func of20(t *testing.T, to pair, change map[string]string) delivery.Sealed {
	t.Helper()
	plain := map[string]string{}
	for i := range 20 {
		plain[fmt.Sprintf("%02d", i)] = "v"
	}
	s := sealed(t, delivery.SealStrict, plain, to)
	for entry, text := range change {
		s.Entries[entry] = text
	}
	return s
}

func TestManyEntriesAreOpenedInTurns(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]))
	r := loaded(t, secrets, sealing.Options{})
	for name, c := range map[string]struct {
		change map[string]string
		turns  int
		says   string
	}{
		"whole":                 {nil, 3, ""},
		"faults in every turn":  {map[string]string{"01": "!", "09": "!", "19": "!"}, 3, `"01": it is not base64: it was changed after it was sealed; "09": it is not base64: it was changed after it was sealed; "19": it is not base64: it was changed after it was sealed; perhaps others too`},
		"one in the last":       {map[string]string{"19": "!"}, 3, `cannot be opened: "19": it is not base64: it was changed after it was sealed`},
		"one, and two":          {map[string]string{"00": "!", "08": "!"}, 3, `"08": it is not base64: it was changed after it was sealed`},
		"enough in the first":   {map[string]string{"00": "!", "01": "!", "02": "!", "19": "!"}, 1, "perhaps others too"},
		"enough in the second":  {map[string]string{"00": "!", "08": "!", "09": "!", "10": "!"}, 2, `"09": it is not base64: it was changed after it was sealed; perhaps others too`},
		"another key is needed": {map[string]string{"19": sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, p[2]).Entries["a"]}, 3, `"19": none of this cluster's keys (1) opens it`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &turns{}
			data, _, err := r.UnsealInTurns(t.Context(), of20(t, p[0], c.change), n.turn)
			if n.given != c.turns || n.held != 0 {
				t.Errorf("it took %d turns, want %d; %d have not ended", n.given, c.turns, n.held)
			}
			if c.says == "" {
				if len(data) != 20 || err != nil {
					t.Errorf("%d entries, %v", len(data), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || data != nil {
				t.Errorf("%d entries, %v", len(data), err)
			}
		})
	}
}

func TestWhoHasNoTurnOpensNothing(t *testing.T) {
	t.Parallel()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, pairs()[0]))
	r := loaded(t, secrets, sealing.Options{})
	never := func(context.Context) (func(), error) { return nil, context.DeadlineExceeded }
	if data, _, err := r.UnsealInTurns(t.Context(), of20(t, pairs()[0], nil), never); !errors.Is(err, context.DeadlineExceeded) || data != nil {
		t.Errorf("%d entries, %v", len(data), err)
	}
}

// The oldest key that is needed is named, whichever entry needs it: without it
// the object would not open.
func TestTheOldestKeyThatIsNeededIsNamed(t *testing.T) {
	t.Parallel()
	p := pairs()
	secrets := secretsOf(t)
	create(t, secrets, keySecret("k0", sealing.KeyActive, p[0]), keySecret("k1", sealing.KeyActive, p[1]), keySecret("k2", sealing.KeyActive, p[2]))
	r := loaded(t, secrets, sealing.Options{})
	of := func(k pair) string {
		return sealed(t, delivery.SealStrict, map[string]string{"a": "1"}, k).Entries["a"]
	}
	for name, c := range map[string]struct {
		change map[string]string
		want   pair
	}{
		"the newest alone": {nil, p[2]},
		"first":            {map[string]string{"00": of(p[0])}, p[0]},
		"between":          {map[string]string{"09": of(p[0]), "15": of(p[1])}, p[0]},
		"last":             {map[string]string{"19": of(p[1])}, p[1]},
	} {
		s := of20(t, p[2], c.change)
		for _, hint := range []string{"", p[0].key.ID.String(), p[2].key.ID.String()} {
			s.Key = hint
			if _, key, err := r.Unseal(t.Context(), s); err != nil || key != c.want.key.ID.String() {
				t.Errorf("%s, hint %q: named %s, want %s; %v", name, hint, key, c.want.key.ID, err)
			}
		}
	}
}
