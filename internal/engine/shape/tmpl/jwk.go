package tmpl

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what was encrypted with it must be decrypted with it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"hash"

	"github.com/go-jose/go-jose/v4"
)

func parseJWK(text string) (*jose.JSONWebKey, error) {
	if len(text) > 2*maxKey {
		return nil, plain("the key is too large")
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(text)); err != nil {
		return nil, plain("this is no JSON Web Key")
	}
	return &key, nil
}

// jwkPublicKeyPEM turns a JSON Web Key into a PKIX public key.
func jwkPublicKeyPEM(text string) (string, error) {
	key, err := parseJWK(text)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		return "", plain("this kind of key has no public part")
	}
	return encodePEM("PUBLIC KEY", der), nil
}

// jwkPrivateKeyPEM turns a JSON Web Key into a PKCS #8 private key.
func jwkPrivateKeyPEM(text string) (string, error) {
	key, err := parseJWK(text)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Key)
	if err != nil {
		return "", plain("this is no private key")
	}
	return encodePEM(blockKey, der), nil
}

// rsaDecrypt decrypts what was encrypted with RSA-OAEP. The scheme None hands
// the input on; hashes that it does not know stand for SHA-256.
func rsaDecrypt(scheme, digest, input, key string) (string, error) {
	switch scheme {
	case "None":
		return input, nil
	case "RSA-OAEP":
	default:
		return "", plain("the scheme must be None or RSA-OAEP")
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", plain("the private key is no PEM")
	}
	parsed, err := privateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	rsaKey, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", plain("the private key is none of RSA")
	}
	out, err := rsa.DecryptOAEP(newHash(digest), nil, rsaKey, []byte(input), nil)
	if err != nil {
		return "", plain("the private key or the hash does not fit the input")
	}
	return string(out), nil
}

func newHash(name string) hash.Hash {
	switch name {
	case "SHA1":
		return sha1.New() //nolint:gosec // see the import
	case "SHA512":
		return sha512.New()
	}
	return sha256.New()
}
