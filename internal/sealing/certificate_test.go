package sealing_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

func TestParseCertificates(t *testing.T) {
	t.Parallel()
	p := pairs()
	first, second := string(p[0].cert.PEM()), string(p[1].cert.PEM())
	for name, text := range map[string]string{
		"two":         first + second,
		"with words":  "# staging\n" + first + "\n# production\r\n" + second + "the end",
		"one twice":   first + second + first,
		"other kinds": first + "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" + second,
	} {
		got, err := sealing.ParseCertificates([]byte(text))
		if err != nil || len(got) != 2 || got[0].ID != p[0].key.ID || got[1].ID != p[1].key.ID {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	again, err := sealing.ParseCertificates([]byte(first))
	if err != nil || len(again) != 1 || again[0].Bits() != 2048 || !again[0].NotAfter.Equal(p[0].cert.NotAfter) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestParseCertificatesRefuses(t *testing.T) {
	t.Parallel()
	p := pairs()
	whole := string(p[0].cert.PEM())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":       {"", "no certificate"},
		"garbage":     {"hello", "no certificate"},
		"cut":         {whole[:len(whole)/2], "no certificate"},
		"broken":      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"},
		"private key": {string(p[0].key.PEM().Reveal()), "private key"},
		"no RSA":      {string(sign(t, "ec", &ec.PublicKey, ec, nil, false)), "RSA"},
		"too many":    {strings.Repeat(whole, sealing.MaxRecipients+1), "more than"},
		"too large":   {whole + strings.Repeat("\n", 5<<20), "more than"},
	} {
		got, err := sealing.ParseCertificates([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAWeakKeyIsNotSealedFor(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := sealing.ParseCertificates(sign(t, "weak", &key.PublicKey, key, nil, false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealing.Seal(rand.Reader, certs, "", value("x")); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Error(err)
	}
}

// To read a key of a million bits would take minutes.
func TestAHugeKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	der, err := asn1.Marshal(struct{ N *big.Int }{new(big.Int).Lsh(big.NewInt(1), 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"RSA PRIVATE KEY", "PRIVATE KEY"} {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if _, err := sealing.ParseKey(value(string(text))); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Error(err)
		}
	}
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1<<17, 1), E: 65537}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, PublicKey: &signer.PublicKey}
	if _, err := sealing.ParseCertificates(sign(t, "huge", huge, signer, parent, true)); err == nil || !strings.Contains(err.Error(), "131073 bits") {
		t.Error(err)
	}
}

// Who vouches for a cluster's certificate must not be able to read its
// secrets.
func TestOfAChainOnlyTheFirstIsSealedFor(t *testing.T) {
	t.Parallel()
	ca, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	caPEM := sign(t, "ca", &ca.PublicKey, ca, nil, true)
	block, _ := pem.Decode(caPEM)
	parent, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	leafPEM := sign(t, "leaf", &leaf.PublicKey, ca, parent, false)
	got, err := sealing.ParseCertificates(slices.Concat(leafPEM, caPEM))
	if err != nil || len(got) != 1 || string(got[0].PEM()) != string(leafPEM) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	c := pairs()[0].cert
	for at, want := range map[time.Time]struct {
		warning string
		expired bool
	}{
		c.NotBefore.Add(-time.Hour):  {"clock", false},
		c.NotBefore:                  {"", false},
		c.NotAfter.AddDate(0, 0, -7): {"expires on", false},
		c.NotAfter:                   {"expires on", false},
		c.NotAfter.Add(time.Second):  {"", true},
	} {
		warning, err := c.Warning(at), c.Expired(at)
		if !strings.Contains(warning, want.warning) || (warning == "") != (want.warning == "") || (err != nil) != want.expired {
			t.Errorf("at %s: %q, %v", at, warning, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.ID.String()) {
			t.Errorf("it is not named: %v", err)
		}
	}
}

// sign makes a certificate as PEM; without a parent it signs itself.
func sign(t testing.TB, name string, public, signer any, parent *x509.Certificate, ca bool) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: start, NotAfter: start.AddDate(10, 0, 0), IsCA: ca, BasicConstraintsValid: true,
	}
	if ca {
		template.KeyUsage = x509.KeyUsageCertSign
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
