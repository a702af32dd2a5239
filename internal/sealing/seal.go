package sealing

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/secret"
)

// Seal encrypts a value so that each of the certificates' keys opens it under
// the label, and nothing else does. For one certificate the result has the
// original's form.
func Seal(random io.Reader, to []Certificate, label string, plaintext secret.Value) (string, error) {
	to, err := recipients(to)
	if err != nil {
		return "", err
	}
	if n := plaintext.Len(); n > MaxPlaintext {
		return "", faulty(ErrTooLarge, "the value has %d bytes: a Secret holds at most %d", n, MaxPlaintext)
	}
	var text string
	if len(to) == 1 {
		out, err := sealOriginal(random, &to[0], label, plaintext.Reveal())
		if err != nil {
			return "", err
		}
		text = base64.StdEncoding.EncodeToString(out)
	} else {
		out, err := sealMany(random, to, label, plaintext.Reveal())
		if err != nil {
			return "", err
		}
		text = manyPrefix + base64.StdEncoding.EncodeToString(out)
	}
	if len(text) > MaxEntry {
		return "", faulty(ErrTooLarge, "the value makes %d bytes when it is sealed for %d keys: %d are the most", len(text), len(to), MaxEntry)
	}
	return text, nil
}

// recipients takes each key once, and refuses those that protect nothing.
func recipients(to []Certificate) ([]Certificate, error) {
	var out []Certificate
	for i := range to {
		if bits := to[i].Bits(); bits < minSealBits {
			return nil, fmt.Errorf("the key of %s has %d bits: less than %d can be broken", &to[i], bits, minSealBits)
		}
		if !slices.ContainsFunc(out, func(c Certificate) bool { return c.ID == to[i].ID }) {
			out = append(out, to[i])
		}
	}
	switch {
	case len(out) == 0:
		return nil, errors.New("there is no certificate to seal for")
	case len(out) > MaxRecipients:
		return nil, fmt.Errorf("%d certificates are too many: a value is sealed for at most %d", len(out), MaxRecipients)
	}
	return out, nil
}

// Open decrypts a value of either form with the first of the keys that fits,
// and says which that was. Its error is one of ErrMalformed, ErrTooLarge,
// ErrNoKey and ErrDamaged.
func Open(keys []Key, label, ciphertext string) (secret.Value, KeyID, error) {
	return open(keys, label, ciphertext, func() error { return nil })
}

// open asks stop before each of the decryptions that take long.
func open(keys []Key, label, ciphertext string, stop func() error) (secret.Value, KeyID, error) {
	raw, several, err := decode(ciphertext)
	if err != nil {
		return secret.Value{}, KeyID{}, err
	}
	opener := openOriginal
	if several {
		opener = openMany
	}
	plaintext, id, err := opener(keys, label, raw, stop)
	if err != nil {
		return secret.Value{}, id, err
	}
	return secret.New(plaintext), id, nil
}

// decode tells the forms apart.
func decode(ciphertext string) (raw []byte, several bool, err error) {
	if n := len(ciphertext); n > MaxEntry {
		return nil, false, faulty(ErrTooLarge, "it has %d bytes: %d are the most", n, MaxEntry)
	}
	text, several := strings.CutPrefix(ciphertext, manyPrefix)
	if !several && strings.HasPrefix(text, "tacit") && strings.Contains(text, ":") {
		return nil, false, faulty(ErrMalformed, "it has a form that a later version seals: upgrade to open it")
	}
	raw, err = base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, several, faulty(ErrMalformed, "it is not base64: it was changed after it was sealed")
	case len(raw) == 0:
		return nil, several, faulty(ErrMalformed, "it is empty: a sealed value never is")
	}
	return raw, several, nil
}

// Reseal makes the newest of the keys, whose certificate is to, one that opens
// the value, in place of the others of them. Keys of other clusters go on to
// open it. A value that needs no change is returned as it is.
func Reseal(random io.Reader, keys []Key, to Certificate, label, ciphertext string) (string, error) {
	if _, err := recipients([]Certificate{to}); err != nil {
		return "", err
	}
	raw, several, err := decode(ciphertext)
	if err != nil {
		return "", err
	}
	if !several {
		plaintext, id, err := Open(keys, label, ciphertext)
		if err != nil || id == to.ID {
			return ciphertext, err
		}
		return Seal(random, []Certificate{to}, label, plaintext)
	}
	m, err := parseMany(raw)
	if err != nil {
		return "", err
	}
	content, id, err := m.unwrap(keys, label, func() error { return nil })
	if err != nil {
		return "", err
	}
	plaintext, err := m.open(content, label)
	if err != nil {
		return "", err
	}
	ours := func(s stanza) bool { return slices.ContainsFunc(keys, func(k Key) bool { return k.ID == s.id }) }
	others := slices.DeleteFunc(slices.Clone(m.stanzas), ours)
	if id == to.ID && len(others) == len(m.stanzas)-1 {
		return ciphertext, nil
	}
	next, err := newStanza(random, &to, label, content)
	if err != nil {
		return "", err
	}
	out, err := encodeMany(append(others, next), content, label, plaintext)
	if err != nil {
		return "", err
	}
	return manyPrefix + base64.StdEncoding.EncodeToString(out), nil
}
