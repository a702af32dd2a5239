// Package secret holds secret bytes so that they cannot be printed by accident.
//
// A Value answers every way of turning a Go value into text (fmt with any
// verb, encoding/json, encoding.TextMarshaler, log/slog, errors that wrap it)
// with the word "[redacted]". The bytes come out through Reveal alone, so
// that `grep Reveal` lists every place where a secret leaves this package.
package secret

import (
	"bytes"
	"fmt"
	"log/slog"
)

// Redacted is what every printed Value reads.
const Redacted = "[redacted]"

// Value is a piece of secret data. The zero Value is empty.
//
// The bytes sit in a closure on purpose: where a Value is an unexported field
// of another struct, fmt cannot call its methods and prints what it finds by
// reflection, and of a function it can only find the address.
type Value struct{ reveal func() []byte }

// New wraps b. The Value keeps b itself, not a copy: the caller must not
// write to it afterwards.
func New(b []byte) Value { return Value{func() []byte { return b }} }

// NewString wraps a copy of s.
func NewString(s string) Value { return New([]byte(s)) }

// Reveal returns the bytes themselves. Callers must not modify them, and
// call it as late as they can.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// Len is the number of bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// Equal reports whether both hold the same bytes.
func (v Value) Equal(w Value) bool { return bytes.Equal(v.Reveal(), w.Reveal()) }

func (Value) String() string               { return Redacted }
func (Value) GoString() string             { return Redacted }
func (Value) Format(s fmt.State, _ rune)   { _, _ = s.Write([]byte(Redacted)) }
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }
func (Value) LogValue() slog.Value         { return slog.StringValue(Redacted) }
