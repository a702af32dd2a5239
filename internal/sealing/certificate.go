package sealing

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeyID names a key: the first half of the SHA-256 of its public part
// (SubjectPublicKeyInfo, DER). A renewed certificate of the same key has the
// same ID.
type KeyID [16]byte

// String is the ID in hexadecimal digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// parseKeyID is the ID of those digits; of none, if they are not an ID's.
func parseKeyID(digits string) (id KeyID) {
	if b, err := hex.DecodeString(digits); err == nil && len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

func idOf(key *rsa.PublicKey) (KeyID, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return KeyID{}, fmt.Errorf("name the key: %w", err)
	}
	sum := sha256.Sum256(der)
	return KeyID(sum[:len(KeyID{})]), nil
}

// Certificate is what values are sealed for: the public part of a cluster's
// key.
type Certificate struct {
	ID                  KeyID
	NotBefore, NotAfter time.Time

	public *rsa.PublicKey
	der    []byte
}

// String names the certificate for messages.
func (c *Certificate) String() string { return "certificate " + c.ID.String() }

// Bits is the size of the key; 0 of the zero Certificate.
func (c *Certificate) Bits() int {
	if c.public == nil {
		return 0
	}
	return c.public.N.BitLen()
}

// PEM is the certificate as files hold it.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.der})
}

// Expired is an error if the certificate must not be sealed for any more. What
// was sealed for it before still opens.
func (c *Certificate) Expired(now time.Time) error {
	if !now.After(c.NotAfter) {
		return nil
	}
	return fmt.Errorf("%s expired on %s: fetch the cluster's current one", c, c.NotAfter.UTC().Format(time.DateOnly))
}

// soon is how long before its end a certificate is worth a word: a cluster
// that renews its keys at all has made another by then.
const soon = 30 * 24 * time.Hour

// Warning is what a sealer should know of a certificate that still serves;
// empty if there is nothing.
func (c *Certificate) Warning(now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return fmt.Sprintf("%s is valid only from %s: is the clock of this machine right?", c, c.NotBefore.UTC().Format(time.RFC3339))
	case now.After(c.NotAfter.Add(-soon)) && !now.After(c.NotAfter):
		return fmt.Sprintf("%s expires on %s: fetch the cluster's current one", c, c.NotAfter.UTC().Format(time.DateOnly))
	}
	return ""
}

const blockCertificate = "CERTIFICATE"

// ParseCertificates reads the certificates of a PEM file, in their order and
// each key once. Of a chain it takes the first and leaves out those that
// vouch for it: whoever has their keys is not meant to open anything.
func ParseCertificates(text []byte) ([]Certificate, error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("more than %d bytes: this is no file of certificates", maxPEM)
	}
	parsed, err := parseBlocks(text)
	if err != nil {
		return nil, err
	}
	if len(parsed) == 0 {
		return nil, errors.New("no certificate in it: it must be PEM, and begin with -----BEGIN CERTIFICATE-----")
	}
	var out []Certificate
	for i, c := range parsed {
		if vouches(c, parsed) {
			continue
		}
		cert, err := certificateOf(c)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		if !slices.ContainsFunc(out, func(o Certificate) bool { return o.ID == cert.ID }) {
			out = append(out, cert)
		}
	}
	return out, nil
}

// parseBlocks reads every certificate of a PEM file. None has a key so large
// that using it takes long.
func parseBlocks(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, errors.New("it holds a private key: sealing needs the certificate alone, and the key must not leave its cluster")
		case block.Type != blockCertificate:
			continue
		case len(out) == maxCertificates:
			return nil, fmt.Errorf("more than %d certificates", maxCertificates)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			// The parser's words are no help to who pasted half a file.
			return nil, fmt.Errorf("certificate %d cannot be read: is it whole?", len(out)+1)
		}
		if public, ok := c.PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() > maxBits {
			return nil, fmt.Errorf("certificate %d has a key of %d bits: %d are the most that can be used", len(out)+1, public.N.BitLen(), maxBits)
		}
		out = append(out, c)
	}
	return out, nil
}

// vouches reports that c signed another certificate among all.
func vouches(c *x509.Certificate, all []*x509.Certificate) bool {
	if !c.IsCA {
		return false
	}
	return slices.ContainsFunc(all, func(o *x509.Certificate) bool {
		return !bytes.Equal(o.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) &&
			bytes.Equal(o.RawIssuer, c.RawSubject) && o.CheckSignatureFrom(c) == nil
	})
}

// certificateOf takes a certificate whose key can be sealed for.
func certificateOf(c *x509.Certificate) (Certificate, error) {
	public, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return Certificate{}, fmt.Errorf("its key is %s: values are sealed for RSA keys only", c.PublicKeyAlgorithm)
	}
	id, err := idOf(public)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{ID: id, NotBefore: c.NotBefore, NotAfter: c.NotAfter, public: public, der: c.Raw}, nil
}
