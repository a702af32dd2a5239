package sealing

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

func fuzzKeys(f *testing.F) (keys []Key, certs []Certificate) {
	f.Helper()
	for range 2 {
		key, cert, err := Generate(2048, time.Unix(1_800_000_000, 0), time.Hour)
		if err != nil {
			f.Fatal(err)
		}
		keys, certs = append(keys, key), append(certs, cert)
	}
	return keys, certs
}

// FuzzOpen opens any text under any label: nothing may panic, and an error is
// one of the four kinds and quotes nothing.
func FuzzOpen(f *testing.F) {
	keys, certs := fuzzKeys(f)
	for _, to := range [][]Certificate{certs[:1], certs} {
		text, err := Seal(rand.Reader, to, "shop/db", secret.NewString("value"))
		if err != nil {
			f.Fatal(err)
		}
		several := strings.HasPrefix(text, manyPrefix)
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, manyPrefix))
		if err != nil {
			f.Fatal(err)
		}
		f.Add("shop/db", raw, several)
		f.Add("", raw[:40], several)
	}
	f.Fuzz(func(t *testing.T, label string, raw []byte, several bool) {
		text := base64.StdEncoding.EncodeToString(raw)
		if several {
			text = manyPrefix + text
		}
		for _, ciphertext := range []string{text, string(raw)} {
			v, id, err := Open(keys, label, ciphertext)
			switch {
			case err == nil && label != "shop/db":
				t.Errorf("opens under %q", label)
			case err == nil && (string(v.Reveal()) != "value" || id != keys[0].ID):
				t.Errorf("opens as something else, with %s", id)
			case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNoKey) && !errors.Is(err, ErrDamaged):
				t.Errorf("of no kind: %v", err)
			case err != nil && len(err.Error()) > 200:
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}

// FuzzKeySecret reads any files as a key Secret and as a file of
// certificates: what is accepted works.
func FuzzKeySecret(f *testing.F) {
	keys, certs := fuzzKeys(f)
	for i := range keys {
		f.Add(keys[i].PEM().Reveal(), certs[i].PEM())
		f.Add(keys[i].PEM().Reveal(), certs[1-i].PEM())
	}
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"), []byte{})
	f.Fuzz(func(t *testing.T, key, cert []byte) {
		s := &corev1.Secret{Data: map[string][]byte{"tls.key": key, "tls.crt": cert}}
		k, fault := readKey(s)
		if (k == nil || k.cert == nil) != (fault != nil) {
			t.Errorf("%v with %v", k, fault)
		}
		if fault != nil && len(fault.String()) > 400 {
			t.Errorf("a fault of %d bytes", len(fault.String()))
		}
		if k != nil && k.cert != nil {
			checkPair(t, k.Key, *k.cert)
		}
		parsed, err := ParseCertificates(cert)
		if err == nil && len(parsed) == 0 || err != nil && len(err.Error()) > 300 {
			t.Errorf("%d certificates, %v", len(parsed), err)
		}
	})
}

func checkPair(t *testing.T, k Key, c Certificate) {
	text, err := Seal(rand.Reader, []Certificate{c}, "", secret.NewString("x"))
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := Open([]Key{k}, "", text); err != nil || string(v.Reveal()) != "x" {
		t.Errorf("it does not open what is sealed for it: %v", err)
	}
}

// FuzzParseBackup reads any text as what a backup holds: only key Secrets come
// out.
func FuzzParseBackup(f *testing.F) {
	keys, certs := fuzzKeys(f)
	s := keySecret("k", keys[0], &certs[0])
	f.Add("apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  type: kubernetes.io/tls\n  metadata: {name: k}\n  data: {tls.key: " +
		base64.StdEncoding.EncodeToString(s.Data["tls.key"]) + "}\n")
	f.Add("kind: List\nitems: [{}]")
	f.Add("&a [*a, *a]")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseBackup([]byte(text))
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		for i := range got {
			k, _ := readKey(&got[i])
			if k == nil || got[i].Type != corev1.SecretTypeTLS || got[i].Name == "" || len(got[i].Data) != 2 {
				t.Errorf("%s/%s of type %s is no key", got[i].Namespace, got[i].Name, got[i].Type)
			}
		}
	})
}

// FuzzRingOpen opens any entry of any object: an error is a *delivery.Error
// that is bounded, and says the same a second time.
func FuzzRingOpen(f *testing.F) {
	keys, certs := fuzzKeys(f)
	r := NewKeyring(nil, Options{})
	r.mu.Lock()
	r.set([]*corev1.Secret{keySecret("k", keys[0], &certs[0])})
	r.mu.Unlock()
	f.Add("password", "AAAA", "strict", "shop", "db")
	f.Fuzz(func(t *testing.T, entry, text, scope, namespace, name string) {
		s := delivery.Sealed{Entries: map[string]string{entry: text}, Scope: delivery.SealScope(scope), Namespace: namespace, Name: name}
		_, err := r.Open(t.Context(), s)
		var e *delivery.Error
		if err != nil && (!errors.As(err, &e) || e.Kind.Final() || len(e.Message) > 800+len(namespace)+len(name)) {
			t.Errorf("%v", err)
		}
		if _, again := r.Open(t.Context(), s); (err == nil) != (again == nil) || err != nil && again.Error() != err.Error() {
			t.Errorf("%v, and then %v", err, again)
		}
	})
}
