package sealing

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The form for several keys (docs/design/0011):
//
//	header: number of stanzas, 8 bits, and each of them:
//	        key ID, 16 bytes ‖ length, 16 bits ‖ RSA-OAEP(content key)
//	check, 32 bytes ‖ AES-256-GCM(value)
//
// The keys of check and body are derived from the content key, the label and
// the header. So a stanza cannot be added, left out or exchanged unless one
// knows the content key, and all who open a value see the same.

// manyPrefix has a character that base64 has not: the original refuses such a
// value at once.
const manyPrefix = "tacit1:"

const (
	manyDomain = "tacit.dev/sealed/1"
	checkSize  = 32
)

type stanza struct {
	id      KeyID
	wrapped []byte
}

// many is a value for several keys, taken apart.
type many struct {
	stanzas []stanza
	check   []byte
	sealed  []byte
}

func sealMany(random io.Reader, to []Certificate, label string, plaintext []byte) ([]byte, error) {
	content, err := contentKey(random)
	if err != nil {
		return nil, err
	}
	stanzas := make([]stanza, len(to))
	for i := range to {
		if stanzas[i], err = newStanza(random, &to[i], label, content); err != nil {
			return nil, err
		}
	}
	return encodeMany(stanzas, content, label, plaintext)
}

func newStanza(random io.Reader, to *Certificate, label string, content []byte) (stanza, error) {
	wrapped, err := wrap(random, to, content, manyLabel(label))
	return stanza{to.ID, wrapped}, err
}

// manyLabel keeps a stanza from serving as the first part of the original's
// form.
func manyLabel(label string) string { return manyDomain + "\x00" + label }

func encodeMany(stanzas []stanza, content []byte, label string, plaintext []byte) ([]byte, error) {
	out := header(stanzas)
	key, check, err := derive(content, label, out)
	if err != nil {
		return nil, err
	}
	return body(key).Seal(append(out, check...), zeroNonce(), plaintext, nil), nil
}

func header(stanzas []stanza) []byte {
	out := []byte{byte(len(stanzas))}
	for _, s := range stanzas {
		out = append(out, s.id[:]...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(s.wrapped)))
		out = append(out, s.wrapped...)
	}
	return out
}

// derive makes the body's key, and the check by which nobody can make a value
// that is one thing to one cluster and another to the next.
func derive(content []byte, label string, header []byte) (key, check []byte, err error) {
	info := binary.BigEndian.AppendUint32([]byte(manyDomain), uint32(len(label)))
	info = append(append(info, label...), header...)
	out, err := hkdf.Key(sha256.New, content, nil, string(info), contentKeySize+checkSize)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the key of a value: %w", err)
	}
	return out[:contentKeySize], out[contentKeySize:], nil
}

// openMany needs no trials: the stanzas name their keys.
func openMany(keys []Key, label string, ciphertext []byte, stop func() error) ([]byte, KeyID, error) {
	m, err := parseMany(ciphertext)
	if err != nil {
		return nil, KeyID{}, err
	}
	content, id, err := m.unwrap(keys, label, stop)
	if err != nil {
		return nil, id, err
	}
	plaintext, err := m.open(content, label)
	return plaintext, id, err
}

// unwrap finds the content key.
func (m *many) unwrap(keys []Key, label string, stop func() error) ([]byte, KeyID, error) {
	known := false
	for _, k := range keys {
		i := slices.IndexFunc(m.stanzas, func(s stanza) bool { return s.id == k.ID })
		if i < 0 {
			continue
		}
		if err := stop(); err != nil {
			return nil, KeyID{}, err
		}
		known = true
		if content, ok := k.unwrap(m.stanzas[i].wrapped, manyLabel(label)); ok {
			return content, k.ID, nil
		}
	}
	if !known {
		return nil, KeyID{}, faulty(errOtherKeys, "it was sealed for %d keys, and none of them is at hand", len(m.stanzas))
	}
	return nil, KeyID{}, faulty(errOtherLabel, "it was sealed for a key at hand, but for another scope")
}

func (m *many) open(content []byte, label string) ([]byte, error) {
	key, check, err := derive(content, label, header(m.stanzas))
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(check, m.check) != 1 {
		return nil, errDamaged()
	}
	plaintext, err := body(key).Open(nil, zeroNonce(), m.sealed, nil)
	if err != nil {
		return nil, errDamaged()
	}
	return plaintext, nil
}

func parseMany(text []byte) (*many, error) {
	if len(text) < 1 {
		return nil, errCut()
	}
	count, rest := int(text[0]), text[1:]
	if count == 0 || count > MaxRecipients {
		return nil, faulty(ErrMalformed, "it is no sealed value: it says that it is for %d keys", count)
	}
	m := &many{stanzas: make([]stanza, count)}
	const head = len(KeyID{}) + 2
	for i := range m.stanzas {
		if len(rest) < head {
			return nil, errCut()
		}
		s := stanza{id: KeyID(rest[:head-2])}
		n := int(binary.BigEndian.Uint16(rest[head-2:]))
		if rest = rest[head:]; len(rest) < n {
			return nil, errCut()
		}
		s.wrapped, rest = rest[:n], rest[n:]
		if slices.ContainsFunc(m.stanzas[:i], func(o stanza) bool { return o.id == s.id }) {
			return nil, faulty(ErrMalformed, "it is no sealed value: it names a key twice")
		}
		m.stanzas[i] = s
	}
	if len(rest) < checkSize+tagSize {
		return nil, errCut()
	}
	m.check, m.sealed = rest[:checkSize], rest[checkSize:]
	return m, nil
}
