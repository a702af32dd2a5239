package sealing

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// Key opens what was sealed for its certificate. It prints as its name.
type Key struct {
	ID KeyID

	private *rsa.PrivateKey
}

func (k Key) String() string               { return "key " + k.ID.String() }
func (k Key) GoString() string             { return k.String() }
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// unwrap decrypts what wrap encrypted; ok is false if it was for another key
// or label, which is all that can be known.
func (k Key) unwrap(ciphertext []byte, label string) (content []byte, ok bool) {
	if len(ciphertext) != k.private.Size() {
		return nil, false // no decryption is needed to know
	}
	content, err := rsa.DecryptOAEP(sha256.New(), nil, k.private, ciphertext, []byte(label))
	return content, err == nil && len(content) == contentKeySize
}

// wrap encrypts the key of one value for a certificate.
func wrap(random io.Reader, to *Certificate, content []byte, label string) ([]byte, error) {
	out, err := rsa.EncryptOAEP(sha256.New(), random, to.public, content, []byte(label))
	if err != nil {
		return nil, fmt.Errorf("seal for %s: %w", to, err)
	}
	return out, nil
}

// ParseKey reads an RSA key from PEM, PKCS #1 or PKCS #8.
func ParseKey(text secret.Value) (Key, error) {
	if text.Len() > maxPEM {
		return Key{}, errors.New("it is too large for a key")
	}
	for rest := text.Reveal(); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return Key{}, errors.New("there is no private key in it: it must be PEM, and begin with -----BEGIN RSA PRIVATE KEY-----")
		}
		if len(block.Bytes) > maxKeyDER {
			return Key{}, errors.New("it is too large for a key")
		}
		switch block.Type {
		case "RSA PRIVATE KEY":
			private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
			return keyOf(private, err)
		case "PRIVATE KEY":
			private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			return keyOf(private, err)
		case "ENCRYPTED PRIVATE KEY":
			return Key{}, errors.New("it is encrypted with a passphrase, which nobody here knows")
		case "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY":
			return Key{}, errNotRSA
		}
	}
}

var errNotRSA = errors.New("it is no RSA key")

// keyOf takes what a parser made of a key. The parser's own error is dropped:
// it may tell of what it read.
func keyOf(parsed any, err error) (Key, error) {
	if err != nil {
		return Key{}, errors.New("it is no whole private key")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return Key{}, errNotRSA
	}
	if bits := private.N.BitLen(); bits > maxBits {
		return Key{}, fmt.Errorf("it has %d bits: %d are the most that can be used", bits, maxBits)
	}
	id, err := idOf(&private.PublicKey)
	return Key{ID: id, private: private}, err
}

// PEM is the key as the original keeps it.
func (k Key) PEM() secret.Value {
	return secret.New(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.private)}))
}

// Generate makes a key, with a certificate that it signs itself.
func Generate(bits int, now time.Time, validity time.Duration) (Key, Certificate, error) {
	if bits < minSealBits || bits > maxBits {
		return Key{}, Certificate{}, fmt.Errorf("a key of %d bits cannot be sealed for: choose between %d and %d", bits, minSealBits, maxBits)
	}
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return Key{}, Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Key{}, Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	name := pkix.Name{CommonName: "sealed-secrets"}
	template := x509.Certificate{
		SerialNumber: serial, Subject: name, Issuer: name,
		NotBefore: now.UTC(), NotAfter: now.Add(validity).UTC(),
		KeyUsage: x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return Key{}, Certificate{}, fmt.Errorf("sign the certificate of a new key: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return Key{}, Certificate{}, fmt.Errorf("read the certificate of a new key: %w", err)
	}
	cert, err := certificateOf(parsed)
	if err != nil {
		return Key{}, Certificate{}, err
	}
	return Key{ID: cert.ID, private: private}, cert, nil
}
