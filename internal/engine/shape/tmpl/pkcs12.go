package tmpl

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"

	"software.sslmate.com/src/go-pkcs12"
)

// pkcs12Key takes the private key out of an archive, as PKCS #8.
func pkcs12Key(password, archive string) (string, error) {
	key, _, _, err := openPKCS12(password, archive)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", plain("the private key is of no known type")
	}
	return encodePEM(blockKey, der), nil
}

// pkcs12Cert takes the certificates out of an archive, leaf first if they are
// one chain.
func pkcs12Cert(password, archive string) (string, error) {
	_, cert, others, err := openPKCS12(password, archive)
	if err != nil {
		return "", err
	}
	certs := append([]*x509.Certificate{cert}, others...)
	if chain, err := orderChain(certs); err == nil {
		certs = chain
	}
	var out string
	for _, c := range certs {
		out += encodePEM(blockCert, c.Raw)
	}
	return out, nil
}

func openPKCS12(password, archive string) (any, *x509.Certificate, []*x509.Certificate, error) {
	if err := checkRounds([]byte(archive)); err != nil {
		return nil, nil, nil, err
	}
	key, cert, others, err := pkcs12.DecodeChain([]byte(archive), password)
	if err != nil {
		return nil, nil, nil, plain("this is no PKCS #12 archive with a key and a certificate, or the password is wrong")
	}
	return key, cert, others, nil
}

// pemToPKCS12 packs the first certificate and the key.
func pemToPKCS12(cert, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(cert))
	if block == nil {
		return "", plain("the certificate is no PEM")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", plain("the first block is no certificate")
	}
	return packPKCS12(parsed, nil, key, password)
}

// fullPEMToPKCS12 packs all certificates, the first being the key's.
func fullPEMToPKCS12(certs, key, password string) (string, error) {
	parsed, err := allCertificates(certs)
	if err != nil {
		return "", err
	}
	if len(parsed) == 0 {
		return "", plain("the certificate is no PEM")
	}
	return packPKCS12(parsed[0], parsed[1:], key, password)
}

func packPKCS12(cert *x509.Certificate, others []*x509.Certificate, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", plain("the private key is no PEM")
	}
	parsed, err := privateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	seed := append([][]byte{block.Bytes}, raw(append(others, cert))...)
	pfx, err := encoder(seed).Encode(parsed, cert, others, password)
	if err != nil {
		return "", plain("key and certificates cannot be packed; the password may hold characters that the format has not")
	}
	return base64.StdEncoding.EncodeToString(pfx), nil
}

// truststoreToPKCS12 packs certificates that are to be trusted.
func truststoreToPKCS12(certs, password string) (string, error) {
	parsed, err := allCertificates(certs)
	if err != nil {
		return "", err
	}
	pfx, err := encoder(raw(parsed)).EncodeTrustStore(parsed, password)
	if err != nil {
		return "", plain("the certificates cannot be packed; the password may hold characters that the format has not")
	}
	return base64.StdEncoding.EncodeToString(pfx), nil
}

func allCertificates(text string) ([]*x509.Certificate, error) {
	certs, rest, err := certificates([]byte(text))
	if err == nil && len(certs) > 0 && len(rest) > 0 && !blank(rest) {
		return nil, plain("there is text after the last certificate")
	}
	return certs, err
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

func raw(certs []*x509.Certificate) [][]byte {
	out := make([][]byte, len(certs))
	for i, c := range certs {
		out[i] = c.Raw
	}
	return out
}

// encoder makes the same archive of the same input: its salts come from the
// content. With random ones every refresh would be a change, and every change
// a rollout. The seed leaves the password out, so that the salt, which can be
// read without it, is no shortcut to guessing it.
func encoder(content [][]byte) *pkcs12.Encoder {
	h := sha256.New()
	for _, c := range content {
		sum := sha256.Sum256(c)
		h.Write(sum[:])
	}
	return pkcs12.Modern.WithRand(rand.NewChaCha8([32]byte(h.Sum(nil))))
}
