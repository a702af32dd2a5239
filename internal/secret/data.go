package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
)

// Data is the payload of a Kubernetes Secret: values by key.
type Data map[string]Value

// Reveal returns the payload as the API's own type. It belongs at the call
// that sends it.
func (d Data) Reveal() map[string][]byte {
	out := make(map[string][]byte, len(d))
	for k, v := range d {
		out[k] = v.Reveal()
	}
	return out
}

// FromMap wraps a payload as it came from the API.
func FromMap(m map[string][]byte) Data {
	d := make(Data, len(m))
	for k, v := range m {
		d[k] = New(v)
	}
	return d
}

// Size is the number of bytes of all keys and values together.
func (d Data) Size() int {
	n := 0
	for k, v := range d {
		n += len(k) + v.Len()
	}
	return n
}

// Key keys the digests of one installation. Without it nobody can try
// guesses of a low-entropy value against a digest.
type Key [32]byte

// Digest is a keyed fingerprint of secret data, safe to write where people
// without the right to read the data can see it.
type Digest string

// Digest returns the keyed fingerprint of d: HMAC-SHA-256 over every key and
// value with their lengths, in the order of the keys, shortened to 128 bits.
func (k Key) Digest(d Data) Digest {
	mac := hmac.New(sha256.New, k[:])
	var n [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		mac.Write(n[:])
		mac.Write(b)
	}
	for _, key := range slices.Sorted(maps.Keys(d)) {
		write([]byte(key))
		write(d[key].Reveal())
	}
	return Digest(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]))
}
