package sealing

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// Keys are kept in the cluster as the original keeps them, so that each takes
// over what the other made.
const (
	// KeyLabel marks the Secrets that hold keys. With another value than
	// KeyActive ("compromised", say) a key is out of use, and still there for
	// whoever needs it.
	KeyLabel  = "sealedsecrets.bitnami.com/sealed-secrets-key"
	KeyActive = "active"
	// KeyPrefix is how their names begin. Before the original renewed keys, it
	// kept its only one under this very name, without the label.
	KeyPrefix = "sealed-secrets-key"
	// KeyNamespace is where the original is installed by default.
	KeyNamespace = "kube-system"
)

// ringKey is a key of the cluster.
type ringKey struct {
	Key
	secret string // its name
	uid    types.UID
	// label says whether it is in use: KeyActive, or why not.
	label string
	// since orders the keys: when its certificate became valid, or else when
	// the Secret was made.
	since time.Time
	// cert is nil for a key that opens, but cannot be sealed for.
	cert *Certificate
}

// Fault is a key Secret of which something is broken. No other key suffers.
type Fault struct {
	// Secret is its name, and Problem what is wrong with it.
	Secret, Problem string
	UID             types.UID
	// Opens: what was sealed for the key opens nevertheless.
	Opens bool
}

// String is the fault as one sentence.
func (f Fault) String() string { return "Secret " + f.Secret + ": " + f.Problem }

// fault is what is wrong with the certificate of a key that opens.
func (k *ringKey) fault(format string, args ...any) Fault {
	return Fault{Secret: k.secret, UID: k.uid, Opens: true, Problem: corev1.TLSCertKey + ": " + fmt.Sprintf(format, args...)}
}

// readKey reads a key Secret. A key may come with a fault: then it opens, but
// is not sealed for.
func readKey(s *corev1.Secret) (*ringKey, *Fault) {
	key, err := ParseKey(secret.New(s.Data[corev1.TLSPrivateKeyKey]))
	if err != nil {
		return nil, &Fault{Secret: s.Name, UID: s.UID, Problem: fmt.Sprintf(
			"%s holds no key that can be used: %v. What was sealed for it does not open until it is restored", corev1.TLSPrivateKeyKey, err)}
	}
	k := &ringKey{Key: key, secret: s.Name, uid: s.UID, label: labelOf(s), since: s.CreationTimestamp.Time}
	cert, err := ownCertificate(s.Data[corev1.TLSCertKey], key)
	if err != nil {
		fault := k.fault("%v. The key opens what was sealed for it; nothing new is sealed for it", err)
		return k, &fault
	}
	k.cert, k.since = cert, cert.NotBefore
	return k, nil
}

// labelOf is what a key Secret's label says. The original's first has none, and
// is in use.
func labelOf(s *corev1.Secret) string {
	if label, marked := s.Labels[KeyLabel]; marked {
		return label
	}
	return KeyActive
}

// ownCertificate finds the key's certificate, which others that vouch for it
// may follow.
func ownCertificate(text []byte, key Key) (*Certificate, error) {
	if len(text) > maxPEM {
		return nil, errors.New("it is too large for a certificate")
	}
	parsed, err := parseBlocks(text)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(parsed, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubjectPublicKeyInfo, public) })
	if i < 0 {
		return nil, errors.New("there is no certificate of this key in it")
	}
	cert, err := certificateOf(parsed[i])
	if err != nil {
		return nil, err
	}
	if cert.Bits() < minSealBits {
		return nil, fmt.Errorf("its key has %d bits: less than %d can be broken", cert.Bits(), minSealBits)
	}
	return &cert, nil
}

// keySecret is how a key is kept.
func keySecret(name string, key Key, cert *Certificate) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{KeyLabel: KeyActive}},
		Type:       corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSPrivateKeyKey: key.PEM().Reveal(),
			corev1.TLSCertKey:       cert.PEM(),
		},
	}
}
