package sealing_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

const manyPrefix = "tacit1:"

func TestWhatIsSealedOpensForEachAndForNobodyElse(t *testing.T) {
	t.Parallel()
	p := pairs()
	for name, to := range map[string][]pair{"one": p[:1], "one twice": {p[0], p[0]}, "several": p[:3]} {
		for _, label := range []string{"", "shop", "shop/db"} {
			for _, plain := range []string{"", "x", "\x00\xff\n", strings.Repeat("long ", 50_000)} {
				sealed, err := sealing.Seal(rand.Reader, certsOf(to...), label, value(plain))
				if err != nil {
					t.Fatal(err)
				}
				if several := name == "several"; strings.HasPrefix(sealed, manyPrefix) != several {
					t.Errorf("%s has the form %.10q", name, sealed)
				}
				for _, at := range to {
					got, id, err := sealing.Open(keysOf(p[4], at), label, sealed)
					if err != nil || id != at.key.ID || string(got.Reveal()) != plain {
						t.Errorf("%s, %q, %d bytes: %d bytes with %s, %v", name, label, len(plain), got.Len(), id, err)
					}
				}
				for _, other := range []string{"", "shop", "shop/db", "shop/d", "other/db"} {
					if other == label {
						continue
					}
					if _, _, err := sealing.Open(keysOf(to...), other, sealed); !errors.Is(err, sealing.ErrNoKey) {
						t.Errorf("%s sealed for %q opens as %q: %v", name, label, other, err)
					}
				}
				if _, _, err := sealing.Open(keysOf(p[3:]...), label, sealed); !errors.Is(err, sealing.ErrNoKey) {
					t.Errorf("%s opens with other keys: %v", name, err)
				}
			}
		}
	}
}

// fixture was made by the original's library.
type fixture struct {
	Keys map[string]struct{ Key, Certificate string }
	// Each was sealed with the bytes of a ChaCha8 source of that seed.
	Blobs []struct{ Key, Label, Plaintext, Seed, Sealed string }
}

func original(t testing.TB) fixture {
	t.Helper()
	text, err := os.ReadFile("testdata/original.json")
	if err != nil {
		t.Fatal(err)
	}
	var f fixture
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheOriginalsValuesOpen(t *testing.T) {
	t.Parallel()
	f := original(t)
	keys := map[string]sealing.Key{}
	var all []sealing.Key
	for name, k := range f.Keys {
		key, err := sealing.ParseKey(value(k.Key))
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
		all = append(all, key)
	}
	for i, b := range f.Blobs {
		got, id, err := sealing.Open(all, b.Label, b.Sealed)
		if err != nil || id != keys[b.Key].ID || string(got.Reveal()) != b.Plaintext {
			t.Errorf("value %d: %d bytes with %s, %v", i, got.Len(), id, err)
		}
	}
}

// With the same randomness the result is the same to the byte, so what is
// sealed here opens there.
func TestOneIsSealedAsTheOriginalSeals(t *testing.T) {
	t.Parallel()
	f := original(t)
	for i, b := range f.Blobs {
		certs, err := sealing.ParseCertificates([]byte(f.Keys[b.Key].Certificate))
		if err != nil {
			t.Fatal(err)
		}
		got, err := sealing.Seal(mathrand.NewChaCha8([32]byte([]byte(b.Seed))), certs, b.Label, value(b.Plaintext))
		if err != nil || got != b.Sealed {
			t.Errorf("value %d is sealed otherwise: %v", i, err)
		}
	}
}

func TestTheOriginalRefusesAValueForSeveral(t *testing.T) {
	t.Parallel()
	p := pairs()
	sealed, err := sealing.Seal(rand.Reader, certsOf(p[:2]...), "shop/db", value("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := base64.StdEncoding.DecodeString(sealed); err == nil {
		t.Error("the original takes it for base64")
	}
	// Nor does it open by hand, without the prefix or with a stanza put where
	// the original has its wrapped key.
	bare := strings.TrimPrefix(sealed, manyPrefix)
	raw, _ := base64.StdEncoding.DecodeString(bare)
	first := raw[1+16 : 1+16+2+256]
	for name, text := range map[string]string{
		"without prefix": bare,
		"first stanza":   base64.StdEncoding.EncodeToString(append(bytes.Clone(first), raw[1+2*(16+2+256):]...)),
	} {
		if _, _, err := sealing.Open(keysOf(p[:2]...), "shop/db", text); err == nil {
			t.Errorf("%s, it opens", name)
		}
	}
}

func TestEveryCutAndEveryChangeIsRefused(t *testing.T) {
	t.Parallel()
	const plain = "canary-of-cuts"
	p := pairs()
	for _, to := range [][]pair{p[:1], p[:2]} {
		sealed, err := sealing.Seal(rand.Reader, certsOf(to...), "shop/db", value(plain))
		if err != nil {
			t.Fatal(err)
		}
		prefix := ""
		if len(to) > 1 {
			prefix = manyPrefix
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sealed, prefix))
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, at int, raw []byte) {
			_, _, err := sealing.Open(keysOf(p[0]), "shop/db", prefix+base64.StdEncoding.EncodeToString(raw))
			if err == nil {
				t.Errorf("for %d, %s at %d: it opens", len(to), what, at)
				return
			}
			if !errors.Is(err, sealing.ErrMalformed) && !errors.Is(err, sealing.ErrNoKey) && !errors.Is(err, sealing.ErrDamaged) {
				t.Errorf("for %d, %s at %d: %v", len(to), what, at, err)
			}
			if strings.Contains(err.Error(), plain) {
				t.Errorf("told: %v", err)
			}
		}
		for i := range raw {
			try("cut", i, raw[:i])
			if i%7 == 0 || i < 24 || i > len(raw)-60 {
				changed := bytes.Clone(raw)
				changed[i] ^= 1 << (i % 8)
				try("changed", i, changed)
			}
		}
		try("longer", len(raw), append(bytes.Clone(raw), 0))
	}
}

func TestGarbageIsRefusedInWords(t *testing.T) {
	t.Parallel()
	p := pairs()
	big := strings.Repeat("A", 10<<20)
	for text, want := range map[string]error{
		"":                   sealing.ErrMalformed,
		"not base64!":        sealing.ErrMalformed,
		"AA==":               sealing.ErrMalformed,
		"AAAA":               sealing.ErrMalformed,
		"//////////////////": sealing.ErrMalformed,
		"tacit1:":            sealing.ErrMalformed,
		"tacit1:AA==":        sealing.ErrMalformed,
		"tacit1:/w==":        sealing.ErrMalformed,
		"tacit1:AQ==":        sealing.ErrMalformed,
		"tacit2:AQ==":        sealing.ErrMalformed,
		big:                  sealing.ErrTooLarge,
		manyPrefix + big:     sealing.ErrTooLarge,
	} {
		_, _, err := sealing.Open(keysOf(p...), "shop/db", text)
		if !errors.Is(err, want) {
			t.Errorf("%.20q: %v", text, err)
		} else if strings.Contains(err.Error(), "base64!") || len(err.Error()) > 200 {
			t.Errorf("%.20q is quoted: %v", text, err)
		}
	}
}

// A stanza can be left out only by who knows the content key, for the key of
// the body follows from all of them.
func TestStanzasBelongTogether(t *testing.T) {
	t.Parallel()
	p := pairs()
	sealed, err := sealing.Seal(rand.Reader, certsOf(p[:3]...), "shop/db", value("x"))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(sealed, manyPrefix))
	const size = 16 + 2 + 256
	fewer := append([]byte{2}, raw[1:1+2*size]...)
	fewer = append(fewer, raw[1+3*size:]...)
	swapped := append([]byte{3}, raw[1+size:1+2*size]...)
	swapped = append(append(swapped, raw[1:1+size]...), raw[1+2*size:]...)
	twice := append([]byte{3}, raw[1:1+size]...)
	twice = append(append(twice, raw[1:1+size]...), raw[1+2*size:]...)
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"fewer": {fewer, sealing.ErrDamaged}, "swapped": {swapped, sealing.ErrDamaged}, "twice": {twice, sealing.ErrMalformed},
	} {
		_, _, err := sealing.Open(keysOf(p[0]), "shop/db", manyPrefix+base64.StdEncoding.EncodeToString(c.raw))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	p := pairs()
	for name, c := range map[string]struct {
		to    []sealing.Certificate
		plain secret.Value
	}{
		"nobody":    {nil, value("x")},
		"nothing":   {make([]sealing.Certificate, 1), value("x")},
		"too large": {certsOf(p[0]), secret.New(make([]byte, sealing.MaxPlaintext+1))},
	} {
		if got, err := sealing.Seal(rand.Reader, c.to, "", c.plain); err == nil {
			t.Errorf("%s: sealed as %.20q", name, got)
		}
	}
	if _, err := sealing.Seal(strings.NewReader("short"), certsOf(p[0]), "", value("x")); err == nil {
		t.Error("sealed without randomness")
	}
	// The largest value still opens.
	sealed, err := sealing.Seal(rand.Reader, certsOf(p[:2]...), "", secret.New(make([]byte, sealing.MaxPlaintext)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealing.Open(keysOf(p[1]), "", sealed); err != nil {
		t.Error(err)
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	p := pairs()
	const label = "shop/db"
	ours, others := p[:2], p[3:]
	newest := ours[1]
	for name, c := range map[string]struct {
		to      []pair
		changes bool
		after   []pair
		never   []pair
	}{
		"for an old key":             {p[:1], true, []pair{newest}, p[:1]},
		"for the newest":             {p[1:2], false, []pair{newest}, p[:1]},
		"for several":                {append([]pair{p[0]}, others...), true, append([]pair{newest}, others...), p[:1]},
		"for several and the newest": {append([]pair{newest}, others...), false, append([]pair{newest}, others...), p[:1]},
		"for two of ours":            {p[:2], true, []pair{newest}, p[:1]},
	} {
		before, err := sealing.Seal(rand.Reader, certsOf(c.to...), label, value("x"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := sealing.Reseal(rand.Reader, keysOf(newest, p[0]), newest.cert, label, before)
		if err != nil || (got != before) != c.changes {
			t.Fatalf("%s: changed: %t, %v", name, got != before, err)
		}
		for _, at := range c.after {
			if v, _, err := sealing.Open(keysOf(at), label, got); err != nil || string(v.Reveal()) != "x" {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, at := range c.never {
			if _, _, err := sealing.Open(keysOf(at), label, got); !errors.Is(err, sealing.ErrNoKey) {
				t.Errorf("%s: the old key still opens: %v", name, err)
			}
		}
		again, err := sealing.Reseal(rand.Reader, keysOf(newest, p[0]), newest.cert, label, got)
		if err != nil || again != got {
			t.Errorf("%s: sealed anew a second time, %v", name, err)
		}
	}
	if _, err := sealing.Reseal(rand.Reader, keysOf(p[2]), p[2].cert, label, "AAAA"); !errors.Is(err, sealing.ErrMalformed) {
		t.Errorf("garbage: %v", err)
	}
}
