package tmpl_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/bcrypt"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
)

// pair is a certificate with its key, in PEM and parsed.
type pair struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	pem, pkcs string
}

func issue(t testing.TB, name string, ca bool, by *pair) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := url.Parse("spiffe://x/y")
	id := sha1.Sum([]byte(name))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, SubjectKeyId: id[:],
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
	}
	if !ca {
		c.DNSNames, c.EmailAddresses = []string{name + ".example", "*." + name}, []string{"a@b.c"}
		c.IPAddresses, c.URIs = []net.IP{net.IPv4(10, 0, 0, 1)}, []*url.URL{uri}
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{cert, key, block("CERTIFICATE", der), block("PRIVATE KEY", pkcs)}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// family is a chain: root, middle, leaf.
var family = sync.OnceValue(func() (f struct{ root, middle, leaf *pair }) {
	t := &testing.T{}
	f.root = issue(t, "root", true, nil)
	f.middle = issue(t, "middle", true, f.root)
	f.leaf = issue(t, "leaf", false, f.middle)
	return f
})

func call(t *testing.T, text string, v map[string]string) (string, error) {
	t.Helper()
	out, err := tmpl.Start(t.Context(), unhurried).Render(tmpl.Source{Text: text}, v, false)
	return string(out), err
}

// want checks what a template renders; a want that begins with "error: " is
// what the error must contain.
func want(t *testing.T, text string, v map[string]string, want string) {
	t.Helper()
	got, err := call(t, text, v)
	if cause, ok := strings.CutPrefix(want, "error: "); ok {
		if err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: got %q, %v; want error %q", text, got, err, cause)
		}
		return
	}
	if err != nil || got != want {
		t.Errorf("%s\n got %q, %v\nwant %q", text, got, err, want)
	}
}

func TestPEM(t *testing.T) {
	t.Parallel()
	f := family()
	mixed := "junk -- \n" + f.leaf.pkcs + "more\n" + f.leaf.pem + f.middle.pem
	v := map[string]string{
		"mixed": mixed, "leaf": f.leaf.pem, "junk": "no pem", "key": f.leaf.pkcs,
		"chain": f.middle.pem + f.root.pem + f.leaf.pem, "open": f.leaf.pem + f.middle.pem,
		"two": f.leaf.pem + issue(t, "other", false, nil).pem, "root": f.root.pem,
	}
	want(t, `{{ filterPEM "CERTIFICATE" .mixed }}`, v, f.leaf.pem+f.middle.pem)
	want(t, `{{ .mixed | filterPEM "private key" }}`, v, f.leaf.pkcs)
	want(t, `{{ filterPEM "X" .mixed }}`, v, "")
	want(t, `{{ filterPEM "X" .junk }}`, v, "error: no such block")
	want(t, `{{ filterCertChain "leaf" .chain }}`, v, f.leaf.pem)
	want(t, `{{ .chain | filterCertChain "intermediate" }}`, v, f.middle.pem)
	want(t, `{{ filterCertChain "root" .chain }}`, v, f.root.pem)
	want(t, `{{ filterCertChain "root" .open }}`, v, "")
	want(t, `{{ filterCertChain "intermediate" .open }}`, v, f.middle.pem)
	want(t, `{{ filterCertChain "leaf" .root }}`, v, "")
	want(t, `{{ filterCertChain "other" .chain }}`, v, "")
	want(t, `{{ filterCertChain "leaf" .two }}`, v, "error: no single chain")
	want(t, `{{ filterCertChain "leaf" .junk }}`, v, "error: no leaf")
	want(t, `{{ filterCertChain "leaf" .key }}`, v, "error: a block is no certificate")
	want(t, `{{ certSANs .leaf }}`, v, "[leaf.example *.leaf 10.0.0.1 a@b.c spiffe://x/y]")
	want(t, `{{ certSANs .junk }}`, v, "error: this is no PEM")
	want(t, `{{ certSANs .key }}`, v, "error: this is no certificate")
}

func TestPKCS12(t *testing.T) {
	t.Parallel()
	f := family()
	pack := func(e *pkcs12.Encoder, pass string) string {
		b, err := e.Encode(f.leaf.key, f.leaf.cert, []*x509.Certificate{f.root.cert, f.middle.cert}, pass)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	v := map[string]string{
		"new": pack(pkcs12.Modern, "pw"), "old": pack(pkcs12.LegacyDES, "pw"), "rc2": pack(pkcs12.LegacyRC2, ""),
		"junk": "junk", "cert": f.leaf.pem, "key": f.leaf.pkcs, "certs": f.leaf.pem + f.middle.pem + "\n",
	}
	chain := f.leaf.pem + f.middle.pem + f.root.pem
	want(t, `{{ .new | pkcs12keyPass "pw" }}`, v, f.leaf.pkcs)
	want(t, `{{ .old | pkcs12keyPass "pw" }}{{ .rc2 | pkcs12key }}`, v, f.leaf.pkcs+f.leaf.pkcs)
	want(t, `{{ .new | pkcs12certPass "pw" }}`, v, chain)
	want(t, `{{ pkcs12cert .rc2 }}`, v, chain)
	want(t, `{{ .new | pkcs12keyPass "no" }}`, v, "error: the password is wrong")
	want(t, `{{ .junk | pkcs12cert }}`, v, "error: no PKCS #12 archive")

	// Back and forth, and the same archive each time.
	for _, text := range []string{
		`{{ $p := pemToPkcs12 .cert .key }}{{ $p }}|{{ $p | b64dec | pkcs12key }}|{{ $p | b64dec | pkcs12cert }}`,
		`{{ $p := pemToPkcs12Pass .cert .key "pw" }}{{ $p }}|{{ $p | b64dec | pkcs12keyPass "pw" }}|{{ $p | b64dec | pkcs12certPass "pw" }}`,
		`{{ $p := fullPemToPkcs12 .certs .key }}{{ $p }}|{{ $p | b64dec | pkcs12key }}|{{ $p | b64dec | pkcs12cert }}`,
		`{{ $p := fullPemToPkcs12Pass .certs .key "pw" }}{{ $p }}|{{ $p | b64dec | pkcs12keyPass "pw" }}|{{ $p | b64dec | pkcs12certPass "pw" }}`,
	} {
		one, err := call(t, text, v)
		two, _ := call(t, text, v)
		if err != nil || one != two {
			t.Errorf("%s is not the same twice (%v)", text, err)
		}
		tail := "|" + f.leaf.pkcs + "|" + f.leaf.pem
		if strings.HasPrefix(text, "{{ $p := full") {
			tail += f.middle.pem
		}
		if !strings.HasSuffix(one, tail) {
			t.Errorf("%s = %q", text, one)
		}
	}
	for text, pass := range map[string]string{`{{ pemTruststoreToPKCS12 .certs }}`: "", `{{ pemTruststoreToPKCS12Pass .certs "pw" }}`: "pw"} {
		out, err := call(t, text, v)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := base64.StdEncoding.DecodeString(out)
		certs, err := pkcs12.DecodeTrustStore(b, pass)
		if err != nil || len(certs) != 2 || !certs[1].Equal(f.middle.cert) {
			t.Errorf("%s holds %d certificates, %v", text, len(certs), err)
		}
	}
	want(t, `{{ pemToPkcs12 .junk .key }}`, v, "error: the certificate is no PEM")
	want(t, `{{ pemToPkcs12 .cert .junk }}`, v, "error: the private key is no PEM")
	want(t, `{{ pemToPkcs12 .key .key }}`, v, "error: no certificate")
	want(t, `{{ fullPemToPkcs12 .junk .key }}`, v, "error: the certificate is no PEM")
	want(t, `{{ pemTruststoreToPKCS12 (print .cert .junk) }}`, v, "error: text after the last certificate")
}

// An archive that asks for a year of hashing is refused before it begins.
func TestPKCS12Rounds(t *testing.T) {
	t.Parallel()
	f := family()
	for name, enc := range map[string]*pkcs12.Encoder{"new": pkcs12.Modern, "old": pkcs12.LegacyDES} {
		b, err := enc.WithIterations(0x1234).Encode(f.leaf.key, f.leaf.cert, nil, "pw")
		if err != nil {
			t.Fatal(err)
		}
		if err := tmpl.CheckRounds(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	huge, err := asn1.Marshal(struct {
		Version int
		Safe    asn1.RawValue
		Mac     struct {
			Digest asn1.RawValue
			Salt   []byte
			Rounds int
		}
	}{3, asn1.RawValue{FullBytes: []byte{0x30, 0}}, struct {
		Digest asn1.RawValue
		Salt   []byte
		Rounds int
	}{asn1.RawValue{FullBytes: []byte{0x30, 0}}, []byte("salt"), 1 << 40}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tmpl.CheckRounds(huge); err == nil || !strings.Contains(err.Error(), "too many rounds") {
		t.Errorf("2^40 rounds of the MAC: %v", err)
	}
	for _, oid := range []asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 12, 1, 3}, {1, 2, 840, 113549, 1, 5, 12}} {
		inner, err := asn1.Marshal(struct {
			OID    asn1.ObjectIdentifier
			Params struct {
				Salt   []byte
				Rounds int
			}
		}{oid, struct {
			Salt   []byte
			Rounds int
		}{[]byte("salt"), 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := asn1.Marshal(struct {
			Version int
			Safe    asn1.RawValue
		}{3, asn1.RawValue{FullBytes: inner}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tmpl.CheckRounds(whole); err == nil || !strings.Contains(err.Error(), "too many rounds") {
			t.Errorf("2^40 rounds of %v: %v", oid, err)
		}
	}
}

func TestJWK(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]any{"rsa": rsaKey, "ec": family().leaf.key, "ed": edKey} {
		t.Run(name, func(t *testing.T) { jwkRoundTrip(t, key) })
	}
	want(t, `{{ jwkPublicKeyPem .k }}`, map[string]string{"k": `{"kty":"oct","k":"AAAA"}`}, "error: no public part")
	want(t, `{{ jwkPrivateKeyPem .k }}`, map[string]string{"k": `{"kty":"oct","k":"AAAA"}`}, "error: this is no private key")
	want(t, `{{ jwkPrivateKeyPem .k }}`, map[string]string{"k": canary}, "error: this is no JSON Web Key")
}

func jwkRoundTrip(t *testing.T, key any) {
	private := jose.JSONWebKey{Key: key, KeyID: "x"}
	public := private.Public()
	v := map[string]string{}
	for name, k := range map[string]jose.JSONWebKey{"private": private, "public": public} {
		b, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		v[name] = string(b)
	}
	pkix, _ := x509.MarshalPKIXPublicKey(public.Key)
	pkcs, _ := x509.MarshalPKCS8PrivateKey(key)
	want(t, `{{ jwkPublicKeyPem .public }}`, v, block("PUBLIC KEY", pkix))
	want(t, `{{ .private | jwkPrivateKeyPem }}`, v, block("PRIVATE KEY", pkcs))
	want(t, `{{ jwkPrivateKeyPem .public }}`, v, "error: this is no private key")
}

func TestRSADecrypt(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	v := map[string]string{
		"pkcs8": block("PRIVATE KEY", pkcs8), "junk": "x", "ec": family().leaf.pkcs,
		"pkcs1": block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
	}
	for name, h := range map[string]hash.Hash{"SHA1": sha1.New(), "SHA256": sha256.New(), "SHA512": sha512.New(), "None": sha256.New()} {
		b, err := rsa.EncryptOAEP(h, rand.Reader, &key.PublicKey, []byte("plain"), nil)
		if err != nil {
			t.Fatal(err)
		}
		v["in"], v["b64"] = string(b), base64.StdEncoding.EncodeToString(b)
		want(t, `{{ .pkcs8 | rsaDecrypt "RSA-OAEP" "`+name+`" .in }}`, v, "plain")
		want(t, `{{ .pkcs1 | rsaDecrypt "RSA-OAEP" "`+name+`" (.b64 | b64dec) }}`, v, "plain")
	}
	want(t, `{{ rsaDecrypt "None" "SHA1" "as it is" .junk }}`, v, "as it is")
	want(t, `{{ rsaDecrypt "RSA" "SHA1" .in .pkcs8 }}`, v, "error: the scheme must be")
	want(t, `{{ rsaDecrypt "RSA-OAEP" "SHA1" .in .junk }}`, v, "error: the private key is no PEM")
	want(t, `{{ rsaDecrypt "RSA-OAEP" "SHA1" .in .ec }}`, v, "error: none of RSA")
	want(t, `{{ rsaDecrypt "RSA-OAEP" "SHA1" .junk .pkcs8 }}`, v, "error: does not fit")
}

func TestSmallFunctions(t *testing.T) {
	t.Parallel()
	v := map[string]string{"yaml": "b: 1\na: [x, null]\n", "bad": "a: [", "pw": "pw", "hex": hex.EncodeToString([]byte("x\x00"))}
	want(t, `{{ fromYaml .yaml | toJson }}`, v, `{"a":["x",null],"b":1}`)
	want(t, `{{ fromYaml .yaml | toYaml }}`, v, "a:\n- x\n- null\nb: 1")
	want(t, `{{ hasKey (fromYaml .bad) "Error" }}`, v, "true")
	want(t, `{{ hexdec .hex }}`, v, "x\x00")
	want(t, `{{ hexdec "zz" }}`, v, "encoding/hex: invalid byte: U+007A 'z'")
	want(t, `{{ htpasswd "u" .pw "sha" }}`, v, "u:{SHA}GpHWL3ymc5liWkNopqtdSjuqYHM=")
	want(t, `{{ htpasswd "u:x" .pw "sha" }}`, v, "error: must not contain a colon")
	// External Secrets names the algorithm, sprig as Sealed Secrets has it does not.
	for _, text := range []string{`{{ htpasswd "u" .pw }}`, `{{ .pw | htpasswd "u" }}`, `{{ htpasswd "u" .pw "bcrypt" }}`, `{{ htpasswd "u" .pw "" }}`} {
		line, err := call(t, text, v)
		if err != nil || bcrypt.CompareHashAndPassword([]byte(strings.TrimPrefix(line, "u:")), []byte("pw")) != nil {
			t.Errorf("%s made %q, %v", text, line, err)
		}
	}
	want(t, `{{ htpasswd "u" }}`, v, "error: htpasswd: gets 1 argument, and takes at least 2")
	want(t, `{{ htpasswd "u" .pw "sha" .pw }}`, v, "error: htpasswd: gets 4 arguments, and takes 2 or 3")
}
