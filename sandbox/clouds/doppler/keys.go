package doppler

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
)

// parsePEM reads public keys and certificates.
func parsePEM(text string) ([]publicKey, error) {
	var keys []publicKey
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			keys = append(keys, publicKey{key: key})
		} else if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			keys = append(keys, publicKey{key: cert.PublicKey})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no public key in the PEM")
	}
	return keys, nil
}

// parseJWKS reads a JSON Web Key Set; keys of other kinds than RSA and EC are
// left out.
func parseJWKS(text []byte) ([]publicKey, error) {
	var set struct {
		Keys []struct{ Kty, Kid, Crv, N, E, X, Y string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	var keys []publicKey
	for _, k := range set.Keys {
		switch k.Kty {
		case "RSA":
			keys = append(keys, publicKey{k.Kid, &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}})
		case "EC":
			key, err := point(k.Crv, k.X, k.Y)
			if err != nil {
				return nil, err
			}
			keys = append(keys, publicKey{k.Kid, key})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no RSA or EC key in the JWKS")
	}
	return keys, nil
}

// number is an integer of a JWK.
func number(text string) *big.Int {
	raw, _ := base64.RawURLEncoding.DecodeString(text) // a bad number verifies nothing
	return new(big.Int).SetBytes(raw)
}

// point is the EC key with these coordinates.
func point(curveName, x, y string) (*ecdsa.PublicKey, error) {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[curveName]
	if curve == nil {
		return nil, errors.New("the JWKS has an EC key of a curve other than P-256, P-384 and P-521")
	}
	const uncompressed = 4
	size := (curve.Params().BitSize + 7) / 8
	raw := make([]byte, 1+2*size)
	raw[0] = uncompressed
	if n := number(x); n.BitLen() <= 8*size {
		n.FillBytes(raw[1 : 1+size])
	}
	if n := number(y); n.BitLen() <= 8*size {
		n.FillBytes(raw[1+size:])
	}
	return ecdsa.ParseUncompressedPublicKey(curve, raw)
}
