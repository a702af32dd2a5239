package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
)

// The original's form, for one key:
//
//	length of the next part, 16 bits ‖ RSA-OAEP(content key) ‖ AES-256-GCM(value)
//
// The nonce is zero: each content key encrypts one value and no more.

const (
	contentKeySize = 32
	tagSize        = 16
)

func sealOriginal(random io.Reader, to *Certificate, label string, plaintext []byte) ([]byte, error) {
	content, err := contentKey(random)
	if err != nil {
		return nil, err
	}
	wrapped, err := wrap(random, to, content, label)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	return body(content).Seal(append(out, wrapped...), zeroNonce(), plaintext, nil), nil
}

// openOriginal tries the keys in their order.
func openOriginal(keys []Key, label string, ciphertext []byte, stop func() error) ([]byte, KeyID, error) {
	wrapped, sealed, err := splitOriginal(ciphertext)
	if err != nil {
		return nil, KeyID{}, err
	}
	for _, k := range keys {
		if err := stop(); err != nil {
			return nil, KeyID{}, err
		}
		content, ok := k.unwrap(wrapped, label)
		if !ok {
			continue
		}
		plaintext, err := body(content).Open(nil, zeroNonce(), sealed, nil)
		if err != nil {
			return nil, k.ID, errDamaged()
		}
		return plaintext, k.ID, nil
	}
	return nil, KeyID{}, faulty(ErrNoKey, "none of the keys at hand opens it")
}

func splitOriginal(ciphertext []byte) (wrapped, sealed []byte, err error) {
	if len(ciphertext) < 2 {
		return nil, nil, errCut()
	}
	n := int(binary.BigEndian.Uint16(ciphertext))
	switch rest := ciphertext[2:]; {
	case n < 64 || n > maxBits/8:
		return nil, nil, faulty(ErrMalformed, "it was never sealed: it is base64 of something else, as in the data of a Secret; seal it")
	case len(rest) < n+tagSize:
		return nil, nil, errCut()
	default:
		return rest[:n], rest[n:], nil
	}
}

func errCut() error {
	return faulty(ErrMalformed, "it was cut short: seal it again")
}

func errDamaged() error {
	return faulty(ErrDamaged, "it was sealed for this key, and changed or cut short since: seal it again")
}

func contentKey(random io.Reader) ([]byte, error) {
	key := make([]byte, contentKeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return key, nil
}

// body is the cipher of a value. It cannot fail: the keys have the right size.
func body(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func zeroNonce() []byte { return make([]byte, 12) }
