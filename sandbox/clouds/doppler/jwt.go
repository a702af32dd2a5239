package doppler

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"

	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
)

// claims are what a JWT says.
type claims map[string]any

// leeway is by how much the clocks of issuers may differ from ours.
const leeway = 30 * time.Second

// publicKey verifies the tokens of an issuer.
type publicKey struct {
	id  string // empty if any token may be of it
	key crypto.PublicKey
}

// parseJWT splits a token without verifying it.
func parseJWT(token string) (header struct{ Alg, Kid string }, said claims, signature []byte, err error) {
	broken := errors.New("the token is no JWT")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return header, nil, nil, broken
	}
	var raw [3][]byte
	for i, part := range parts {
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return header, nil, nil, broken
		}
	}
	if json.Unmarshal(raw[0], &header) != nil || json.Unmarshal(raw[1], &said) != nil {
		return header, nil, nil, broken
	}
	return header, said, raw[2], nil
}

// verifyJWT returns what a token says if one of the keys signed it; if
// insecure, whoever did.
func verifyJWT(token string, keys []publicKey, insecure bool) (claims, error) {
	header, said, signature, err := parseJWT(token)
	if err != nil || insecure {
		return said, err
	}
	signed := token[:strings.LastIndexByte(token, '.')]
	for _, k := range keys {
		if (k.id == "" || header.Kid == "" || k.id == header.Kid) && signedBy(k.key, header.Alg, signed, signature) {
			return said, nil
		}
	}
	return nil, errors.New("the token's signature is of none of the issuer's keys")
}

// signedBy checks one signature. Algorithms are of the key's own kind only.
func signedBy(key crypto.PublicKey, alg, signed string, signature []byte) bool {
	hash, ok := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimLeft(alg, "REPS")]
	if !ok {
		return false
	}
	h := hash.New()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		if strings.HasPrefix(alg, "PS") {
			return rsa.VerifyPSS(key, hash, digest, signature, nil) == nil
		}
		return strings.HasPrefix(alg, "RS") && rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (key.Params().BitSize + 7) / 8
		if !strings.HasPrefix(alg, "ES") || len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(key, digest, r, s)
	default:
		return false
	}
}

// when is a claim that is a time.
func (c claims) when(name string) (time.Time, bool) {
	seconds, ok := c[name].(float64)
	return time.Unix(int64(seconds), 0), ok
}

// values are those of a claim that is a string or a list of them.
func (c claims) values(name string) []string {
	switch v := c[name].(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
		return all
	default:
		return nil
	}
}
