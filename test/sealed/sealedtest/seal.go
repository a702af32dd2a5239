// Package sealedtest is what the tests of SealedSecrets share: keys, values that
// are sealed as the original seals them, and what becomes of an object.
package sealedtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// KeyLabel marks the Secrets that hold keys.
const KeyLabel = "sealedsecrets.bitnami.com/sealed-secrets-key"

// Key is one that a cluster may have.
type Key struct {
	public *rsa.PublicKey
	key    []byte
	cert   []byte
}

// NewKey makes one of so many bits.
func NewKey(t testing.TB, bits int) Key {
	t.Helper()
	return KeyOf(t, bits, time.Now(), 10*365*24*time.Hour)
}

// KeyOf makes one whose certificate is valid from then on, for so long.
func KeyOf(t testing.TB, bits int, from time.Time, validity time.Duration) Key {
	t.Helper()
	key, cert, err := sealing.Generate(bits, from, validity)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(cert.PEM())
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return Key{parsed.PublicKey.(*rsa.PublicKey), key.PEM().Reveal(), cert.PEM()}
}

// Secret is how the original keeps the key.
func (k Key) Secret(namespace, name string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{KeyLabel: "active"}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.key": k.key, "tls.crt": k.cert},
	}
}

// Fingerprint is what the key is called: half of the SHA-256 of its public part.
func (k Key) Fingerprint(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:16])
}

// Inside is a piece of the key that nobody may see.
func (k Key) Inside() string {
	lines := strings.Split(string(k.key), "\n")
	return lines[len(lines)/2]
}

// Seal encrypts as the original does, without a line of what opens it.
func (k Key) Seal(t testing.TB, label, value string) string {
	t.Helper()
	content := make([]byte, 32)
	_, _ = rand.Read(content) // it never fails
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, k.public, content, []byte(label))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	out := append(binary.BigEndian.AppendUint16(nil, uint16(len(wrapped))), wrapped...)
	return base64.StdEncoding.EncodeToString(gcm.Seal(out, nonce(), []byte(value), nil))
}

// nonce is always the same: each content key is used once.
func nonce() []byte { return make([]byte, 12) }

// Random is where keys come from.
func Random() io.Reader { return rand.Reader }
