// Package codec holds what reading and shaping share: decodings, and the
// rules for keys of a Secret.
package codec

import (
	"encoding/base64"
	"errors"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Decode decodes a value. Its error names the decoding alone: what the
// decoder says quotes its input.
func Decode(how delivery.Decoding, v secret.Value) (secret.Value, error) {
	switch how {
	case "", delivery.DecodeNone:
		return v, nil
	case delivery.DecodeBase64, delivery.DecodeBase64URL:
		out, ok := decode(how, v)
		if !ok {
			return secret.Value{}, errors.New("the value is not valid " + string(how) + ", as which it is to be decoded")
		}
		return out, nil
	case delivery.DecodeAuto:
		for _, try := range []delivery.Decoding{delivery.DecodeBase64, delivery.DecodeBase64URL} {
			if out, ok := decode(try, v); ok {
				return out, nil
			}
		}
		return v, nil
	}
	return secret.Value{}, errors.New("there is no decodingStrategy " + string(how))
}

func decode(how delivery.Decoding, v secret.Value) (secret.Value, bool) {
	enc := base64.StdEncoding
	if how == delivery.DecodeBase64URL {
		enc = base64.URLEncoding
	}
	in := v.Reveal()
	out := make([]byte, enc.DecodedLen(len(in)))
	n, err := enc.Decode(out, in)
	if err != nil {
		return secret.Value{}, false
	}
	return secret.New(out[:n]), true
}
