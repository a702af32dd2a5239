package sealing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// ringOf is a ring of n keys, the newest first.
func ringOf(t *testing.T, n int) (r *Keyring, certs []Certificate) {
	t.Helper()
	r = NewKeyring(nil, Options{})
	var all []*corev1.Secret
	for i := range n {
		key, cert, err := Generate(2048, time.Unix(1_800_000_000-int64(i), 0), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, keySecret(fmt.Sprint(i), key, &cert))
		certs = append(certs, cert)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(all)
	return r, certs
}

// decryptions opens s and counts the long ones.
func decryptions(t *testing.T, r *Keyring, s delivery.Sealed) (n int, err error) {
	t.Helper()
	o, err := r.opener(t.Context(), &s)
	if err != nil {
		t.Fatal(err)
	}
	o.stop = func() error { n++; return nil }
	_, err = o.data()
	return n, err
}

func object(t *testing.T, entries int, to Certificate) delivery.Sealed {
	t.Helper()
	s := delivery.Sealed{Entries: map[string]string{}, Scope: delivery.SealStrict, Namespace: "shop", Name: "db"}
	for i := range entries {
		text, err := Seal(rand.Reader, []Certificate{to}, s.Label(), secret.NewString("x"))
		if err != nil {
			t.Fatal(err)
		}
		s.Entries[fmt.Sprint(i)] = text
	}
	return s
}

func TestManyKeysDoNotMeanManyDecryptions(t *testing.T) {
	t.Parallel()
	const keys, entries = 6, 4
	r, certs := ringOf(t, keys)
	oldest := object(t, entries, certs[keys-1])
	count := func(what string, s delivery.Sealed, want int) {
		t.Helper()
		if got, err := decryptions(t, r, s); err != nil || got != want {
			t.Errorf("%s: %d decryptions, want %d; %v", what, got, want, err)
		}
	}
	count("the first time", oldest, keys+entries-1)
	count("again", oldest, entries)
	newest := object(t, entries, certs[0])
	count("of another key", newest, entries+1)
	count("again, after another key", oldest, entries)
	count("another object of the key that fitted last", object(t, 1, certs[keys-1]), 1)
	count("several keys are named", func() delivery.Sealed {
		s := delivery.Sealed{Entries: map[string]string{}, Namespace: "shop", Name: "db"}
		text, err := Seal(rand.Reader, []Certificate{certs[1], certs[3]}, s.Label(), secret.NewString("x"))
		if err != nil {
			t.Fatal(err)
		}
		s.Entries["a"] = text
		return s
	}(), 1)
}

// After a restart nothing is remembered but what the object says.
func TestAHintSparesTheOtherKeys(t *testing.T) {
	t.Parallel()
	const keys, entries = 6, 4
	r, certs := ringOf(t, keys)
	oldest := object(t, entries, certs[keys-1])
	_, key, err := r.Unseal(t.Context(), oldest)
	if err != nil || key != certs[keys-1].ID.String() {
		t.Errorf("key %q, %v", key, err)
	}
	for hint, want := range map[string]int{key: entries, certs[1].ID.String(): keys + entries - 1, "no key": keys + entries - 1, key + "00": keys + entries - 1} {
		r.memory = memory{}
		oldest.Key = hint
		if got, err := decryptions(t, r, oldest); err != nil || got != want {
			t.Errorf("hint %q: %d decryptions, want %d; %v", hint, got, want, err)
		}
	}
}

// The key that fitted the entry before is not always that of the next one.
func TestAHintServesEntriesOfOtherKeysToo(t *testing.T) {
	t.Parallel()
	const keys, entries = 6, 4
	r, certs := ringOf(t, keys)
	mixed, oldest := object(t, entries, certs[0]), object(t, entries, certs[keys-1])
	mixed.Entries["1"], mixed.Entries["3"] = oldest.Entries["1"], oldest.Entries["3"]
	mixed.Key = certs[keys-1].ID.String()
	if got, err := decryptions(t, r, mixed); err != nil || got != 2*entries {
		t.Errorf("%d decryptions, want %d; %v", got, 2*entries, err)
	}
}

// Where many keys are taken over, an object is mostly sealed for that of its
// time. One that is not costs one decryption more than without the guess.
func TestTheKeyOfAnObjectsTimeIsTriedFirst(t *testing.T) {
	t.Parallel()
	const keys = 6
	r, certs := ringOf(t, keys)
	for _, c := range []struct {
		made time.Time
		to   int
		want int
	}{
		{certs[4].NotBefore, 4, 1},
		{certs[2].NotBefore.Add(time.Millisecond), 2, 1},
		{certs[0].NotBefore.Add(time.Hour), 0, 1},
		{certs[0].NotBefore.Add(time.Hour), 5, 6},       // made anew from an old file
		{certs[3].NotBefore, 0, 2},                      // changed since
		{certs[keys-1].NotBefore.Add(-time.Hour), 1, 2}, // older than all keys
		{time.Time{}, 3, 4},                             // nobody knows
	} {
		r.memory = memory{}
		s := object(t, 1, certs[c.to])
		s.Made = c.made
		if got, err := decryptions(t, r, s); err != nil || got != c.want {
			t.Errorf("made %s, for key %d: %d decryptions, want %d; %v", c.made, c.to, got, c.want, err)
		}
	}
}

// Two workers that open objects of different keys do not lead each other
// astray.
func TestTheEntriesOfAnObjectFollowEachOther(t *testing.T) {
	t.Parallel()
	r, certs := ringOf(t, 4)
	s := object(t, 2, certs[3])
	o, err := r.opener(t.Context(), &s)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	o.stop = func() error { n++; return nil }
	for _, want := range []int{4, 5} {
		if _, _, err := o.open(s.Entries[fmt.Sprint(want-4)]); err != nil || n != want {
			t.Errorf("%d decryptions, want %d; %v", n, want, err)
		}
		r.memory.fitted(mark{}, certs[1].ID)
	}
}

// What is the first part of the original's form must not be a stanza.
func TestAStanzaHasALabelOfItsOwn(t *testing.T) {
	t.Parallel()
	r, certs := ringOf(t, 1)
	s, err := newStanza(rand.Reader, &certs[0], "shop/db", make([]byte, contentKeySize))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Keys()[0].unwrap(s.wrapped, "shop/db"); ok {
		t.Error("it serves as the original's")
	}
}

func TestAHopelessObjectCostsOnce(t *testing.T) {
	t.Parallel()
	const keys = 5
	r, certs := ringOf(t, keys)
	_, foreign := ringOf(t, 1)
	bad := object(t, 100, foreign[0])
	n, err := decryptions(t, r, bad)
	// Two other scopes are tried with some keys, once.
	if most := maxFailures*keys + 2*probedKeys; err == nil || n > most {
		t.Errorf("%d decryptions, want at most %d; %v", n, most, err)
	}
	again, err := decryptions(t, r, bad)
	if again != 0 || !errors.Is(err, ErrNoKey) {
		t.Errorf("%d decryptions for nothing; %v", again, err)
	}
	// Other keys are another chance.
	r.mu.Lock()
	r.set([]*corev1.Secret{keySecretOf(t, r.ring.keys[0], &certs[0])})
	r.mu.Unlock()
	if n, err = decryptions(t, r, bad); n == 0 || err == nil {
		t.Errorf("%d decryptions; %v", n, err)
	}
}

func keySecretOf(t *testing.T, k ringKey, cert *Certificate) *corev1.Secret {
	t.Helper()
	s := keySecret(k.secret, k.Key, cert)
	s.CreationTimestamp = metav1.Now()
	return s
}

func TestTheMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	at := func(i int) mark { return mark{byte(i), byte(i >> 8), byte(i >> 16)} }
	for i := range 5 * memorySize {
		m.fitted(at(i), KeyID{1})
		m.get(at(0))
	}
	if n := len(m.young) + len(m.aged); n > 2*memorySize {
		t.Errorf("%d verdicts", n)
	}
	if _, ok := m.get(at(0)); !ok {
		t.Error("what is asked for all the time is forgotten")
	}
	if _, ok := m.get(at(1)); ok {
		t.Error("what nobody asks for is kept")
	}
}
