package sealing

import (
	"errors"
	"fmt"
)

// Why a ciphertext does not open. The errors that Open returns are of one of
// these kinds and say more; none holds a byte of what they are about.
var (
	// ErrMalformed: it is no sealed data, or was cut short.
	ErrMalformed = errors.New("no sealed data")
	// ErrTooLarge: it is larger than what is looked at.
	ErrTooLarge = errors.New("too large")
	// ErrNoKey: none of the keys opens it under this label. With the right key
	// it would open.
	ErrNoKey = errors.New("no key opens it")
	// ErrDamaged: a key fits, and what it protects was changed.
	ErrDamaged = errors.New("damaged")
)

// What a value for several keys tells beyond ErrNoKey.
var (
	errOtherKeys  = fmt.Errorf("%w of those it names", ErrNoKey)
	errOtherLabel = fmt.Errorf("%w under this label", ErrNoKey)
)

// errFound: no key opens it, and it was found out why. Nothing else is
// suspected then.
var errFound = fmt.Errorf("%w, for a known reason", ErrNoKey)

// fault is an error of a kind, in a user's words. The errors of decoders are
// not wrapped: they quote their input.
type fault struct {
	kind error
	text string
	// aside is what is told in place of text to who may not know which keys
	// there are; empty if text says nothing of them.
	aside string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

func faulty(kind error, format string, args ...any) error {
	return &fault{kind: kind, text: fmt.Sprintf(format, args...)}
}

// aside is what the error says to who may not know which keys there are.
func aside(err error) string {
	var f *fault
	if errors.As(err, &f) && f.aside != "" {
		return f.aside
	}
	return err.Error()
}
