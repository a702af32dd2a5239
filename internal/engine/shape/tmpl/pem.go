package tmpl

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	blockCert = "CERTIFICATE"
	blockKey  = "PRIVATE KEY"
)

// maxKey bounds the DER of a private key: an RSA key of 16384 bits has 10 kB,
// and checking larger ones takes for ever.
const maxKey = 16 << 10

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// skipJunk drops what stands before the first block: newer versions of
// pem.Decode may stumble over it.
func skipJunk(s string) []byte {
	if i := strings.Index(s, "-----BEGIN"); i >= 0 {
		s = s[i:]
	}
	return []byte(s)
}

// filterPEM keeps the blocks of one type.
func filterPEM(kind, input string) (string, error) {
	var out bytes.Buffer
	rest := skipJunk(input)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if !strings.EqualFold(block.Type, kind) {
			continue
		}
		if err := pem.Encode(&out, block); err != nil {
			return "", plain("a block cannot be written again")
		}
	}
	if out.Len() == 0 && len(rest) > 0 {
		return "", plain("there is no such block, but other text")
	}
	return out.String(), nil
}

// certificates parses the blocks of PEM up to its end or to what is no block.
func certificates(input []byte) ([]*x509.Certificate, []byte, error) {
	var certs []*x509.Certificate
	for {
		block, rest := pem.Decode(input)
		if block == nil {
			return certs, rest, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, plain("a block is no certificate")
		}
		certs = append(certs, cert)
		input = rest
	}
}

// certSANs lists the names that a certificate is for: DNS names, addresses,
// mail addresses, URIs.
func certSANs(input string) ([]string, error) {
	block, _ := pem.Decode(skipJunk(input))
	if block == nil {
		return nil, plain("this is no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, plain("this is no certificate")
	}
	sans := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		sans = append(sans, ip.String())
	}
	sans = append(sans, cert.EmailAddresses...)
	for _, uri := range cert.URIs {
		sans = append(sans, uri.String())
	}
	return sans, nil
}

// privateKey parses PKCS #1, PKCS #8 or SEC 1.
func privateKey(der []byte) (any, error) {
	if len(der) > maxKey {
		return nil, plain("the private key is too large")
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	return nil, plain("this is no private key of a known type")
}
