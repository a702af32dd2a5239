package alone_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

// keep puts a key into the cluster, changed.
func (b bed) keep(key sealedtest.Key, name string, change func(*corev1.Secret)) *corev1.Secret {
	b.T.Helper()
	s := key.Secret(b.keys, name)
	if change != nil {
		change(s)
	}
	b.Must(b.Create(b.T.Context(), s))
	return s
}

// sealedFor applies a SealedSecret with one value, sealed for a key.
func (b bed) sealedFor(key sealedtest.Key, name, value string) {
	b.T.Helper()
	b.Apply(sealedtest.Manifest(name, values{"k": key.Seal(b.T, b.NS+"/"+name, value)}, "", ""))
}

// ellipticPEM is a key that is none for sealing, in both forms that it may have.
func ellipticPEM(t *testing.T) (sec1, pkcs8 []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: first}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: second})
}

// TestBadKeysHurtNoOther: the log tells of each, and so does the condition of
// what no other key opens.
func TestBadKeysHurtNoOther(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	sec1, pkcs8 := ellipticPEM(t)
	file := func(content []byte) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Data["tls.key"] = content }
	}
	lost := sealedtest.NewKey(t, 2048)
	for name, change := range map[string]func(*corev1.Secret){
		"a-elliptic": file(sec1),
		"b-elliptic": file(pkcs8),
		"c-empty":    func(s *corev1.Secret) { s.Data = map[string][]byte{"tls.key": {}, "tls.crt": {}} },
		"d-nothing":  func(s *corev1.Secret) { s.Type, s.Data = corev1.SecretTypeOpaque, nil },
		"e-cut":      func(s *corev1.Secret) { s.Data["tls.key"] = s.Data["tls.key"][:800] },
	} {
		b.keep(lost, name, change)
	}
	out, _ := b.serve(nil)
	b.SealAndApply("good", values{"k": "v"}, "")
	b.sealedFor(lost, "lost", "v")
	b.Holds("good", values{"k": "v"})
	b.Synced("good")
	b.Fails("lost", "no key could decrypt secret", "a key that is broken, in namespace "+b.keys,
		"Secrets a-elliptic, b-elliptic, c-empty and 2 more")
	if b.Secret("lost") != nil {
		t.Error("what does not open has a Secret")
	}
	b.Eventually(func() error {
		for _, want := range []string{"Secret a-elliptic: ", "Secret b-elliptic: ", "Secret c-empty: ", "Secret d-nothing: ", "Secret e-cut: "} {
			if !strings.Contains(out.String(), want) {
				return check(false, "the log does not tell of %s", want)
			}
		}
		return nil
	})
	if strings.Contains(out.String(), lost.Inside()) || strings.Contains(out.String(), "PRIVATE KEY-----\n") {
		t.Error("the log holds a key")
	}
}

// TestAKeyThatCannotBeSealedFor opens what was sealed for it, is not published,
// and another is made in its place.
func TestAKeyThatCannotBeSealedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key    sealedtest.Key
		change func(*corev1.Secret)
		fault  string
	}{
		"expired": {sealedtest.KeyOf(t, 2048, time.Now().AddDate(-2, 0, 0), 365*24*time.Hour), nil, ""},
		"another's certificate": {sealedtest.NewKey(t, 2048), func(s *corev1.Secret) {
			s.Data["tls.crt"] = sealedtest.NewKey(t, 2048).Secret("", "").Data["tls.crt"]
		}, "Secret bad: tls.crt: there is no certificate of this key in it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, 0)
			b.keep(c.key, "bad", c.change)
			b.sealedFor(c.key, "old", "one")
			at := b.address()
			out, _ := b.serve(func(o *operator.Options) {
				// Not because it is old.
				o.SealedAddress, o.Languages.Sealed.RenewPeriod = at, 5*365*24*time.Hour
			})
			b.Holds("old", values{"k": "one"})
			b.Synced("old")
			all := b.ring(2)
			made := &all[0]
			if made.Name == "bad" {
				made = &all[1]
			}
			if len(all) != 2 {
				t.Errorf("there are %d keys", len(all))
			}
			b.Eventually(func() error {
				got, err := published(b, at)
				return check(err == nil && got == string(made.Data["tls.crt"]), "published is %.60q, %v", got, err)
			})
			b.Apply(sealedtest.Manifest("new", values{"k": b.sealFor(made, b.NS+"/new", "two")}, "", ""))
			b.Holds("new", values{"k": "two"})
			b.Eventually(func() error {
				return check(strings.Contains(out.String(), c.fault), "the log does not tell: %s", c.fault)
			})
		})
	}
}

// address is one where nobody listens.
func (b bed) address() string {
	b.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.Must(err)
	b.Must(l.Close())
	return l.Addr().String()
}

// published is what an operator says to seal for.
func published(b bed, at string) (string, error) {
	req, err := http.NewRequestWithContext(b.T.Context(), http.MethodGet, "http://"+at+"/v1/cert.pem", http.NoBody)
	b.Must(err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// TestAKeyThatBreaksWhileItServes leaves what it served, and says why it serves
// no more; another key's objects go on. Mended, it serves again.
func TestAKeyThatBreaksWhileItServes(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	first := sealedtest.NewKey(t, 2048)
	key := b.keep(first, "first", nil)
	whole := key.Data["tls.key"]
	out, _ := b.serve(nil)
	for _, name := range []string{"kept", "gone"} {
		b.sealedFor(first, name, "one")
	}
	b.SealAndApply("other", values{"k": "one"}, "")
	for _, name := range []string{"kept", "gone", "other"} {
		b.Holds(name, values{"k": "one"})
		b.Synced(name)
	}
	before := b.Secret("kept")

	sealedtest.Change(b.Bed, key, func(s *corev1.Secret) { s.Data["tls.key"] = whole[:len(whole)/2] })
	b.Eventually(func() error {
		return check(strings.Contains(out.String(), "Secret first: tls.key holds no key"), "the log does not tell")
	})
	b.sealedFor(first, "kept", "two")
	b.Must(b.Delete(t.Context(), b.Secret("gone")))
	for _, name := range []string{"kept", "gone"} {
		b.Fails(name, "no key could decrypt secret", "a key that is broken", "Secret first: tls.key holds no key that can be used")
	}
	if after := b.Holds("kept", values{"k": "one"}); after.ResourceVersion != before.ResourceVersion {
		t.Error("its Secret was written")
	}
	b.Must(b.Delete(t.Context(), b.Secret("other")))
	b.Holds("other", values{"k": "one"})
	b.SealAndApply("other", values{"k": "two"}, "")
	b.Holds("other", values{"k": "two"})
	b.Synced("other")

	sealedtest.Change(b.Bed, key, func(s *corev1.Secret) { s.Data["tls.key"] = whole })
	b.Holds("kept", values{"k": "two"})
	b.Holds("gone", values{"k": "one"})
	b.Synced("kept")
	b.Synced("gone")
}

// TestAKeyOutOfUseIsNamed by what was sealed for it, which keeps its Secret.
func TestAKeyOutOfUseIsNamed(t *testing.T) {
	t.Parallel()
	b := newBed(t, 2048)
	leaked := sealedtest.NewKey(t, 2048)
	key := b.keep(leaked, "leaked", nil)
	b.serve(nil)
	b.sealedFor(leaked, "app", "one")
	b.Holds("app", values{"k": "one"})
	b.Synced("app")

	sealedtest.Change(b.Bed, key, func(s *corev1.Secret) { s.Labels[sealing.KeyLabel] = "compromised" })
	b.Eventually(func() error {
		b.sealedFor(leaked, "app", "two") // until the operator knows, this opens
		return check(b.SealedSecret("app").Status.Conditions[0].Status == "False", "it opens still")
	})
	b.Fails("app", `it was sealed for a key that is out of use: Secret leaked is labelled "compromised"`, "seal it again")
	if b.Secret("app") == nil {
		t.Error("its Secret is gone")
	}
	b.SealAndApply("app", values{"k": "three"}, "")
	b.Holds("app", values{"k": "three"})
	b.Synced("app")
}
