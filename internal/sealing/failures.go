package sealing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// share is how many entries are opened in one turn.
const share = 8

// each runs do for every entry and makes one error of those that fail.
func (o *opener) each(do func(entry, ciphertext string) error) error {
	f := failures{opener: o}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(o.sealed.Entries)), share) {
		done, err := o.turn()
		if err != nil {
			return err
		}
		err = func() error {
			defer done() // after a panic too: the turn is one of very few
			return f.gather(some, do)
		}()
		if err != nil {
			return err
		}
		if f.enough() {
			break
		}
	}
	return f.err()
}

// failures are what is wrong with the entries of one object.
type failures struct {
	*opener
	first error
	told  []string
	// found: of one it is known why, and refused: another key might open it.
	found, refused bool
}

// maxFailures is how many entries may fail before the others are left alone: a
// hopeless object must not cost a decryption for each entry and key.
const maxFailures = 3

func (f *failures) enough() bool {
	return len(f.told) == maxFailures && len(f.sealed.Entries) > maxFailures
}

// gather runs do for some entries, unless enough have failed. Its error is none
// of theirs.
func (f *failures) gather(entries []string, do func(entry, ciphertext string) error) error {
	for _, entry := range entries {
		if f.enough() {
			return nil
		}
		err := do(entry, f.sealed.Entries[entry])
		switch {
		case err == nil:
			continue
		case !told(err):
			return err
		case f.first == nil:
			f.first = err
		}
		f.refused = f.refused || errors.Is(err, ErrNoKey)
		f.found = f.found || errors.Is(err, errFound)
		says := err.Error()
		if f.discreet {
			says = aside(err)
		}
		f.told = append(f.told, quote(entry)+": "+says)
	}
	return nil
}

// err is what is told of them; nil if there are none.
func (f *failures) err() error {
	if f.first == nil {
		return nil
	}
	says, kind := f.told, delivery.Malformed
	if f.enough() {
		says = append(says, "perhaps others too")
	}
	if f.refused {
		kind = delivery.Refused
		if !f.found && !f.discreet {
			says = append(says, f.suspects()...)
		}
	}
	return &delivery.Error{Kind: kind, Err: f.first, Message: "cannot be opened: " + strings.Join(says, "; ")}
}

// maxSuspects is how many broken keys are named to who misses one.
const maxSuspects = 3

// suspects tells of the broken keys whom no other key serves: it may need one.
func (o *opener) suspects() []string {
	var names []string
	var last Fault
	for _, f := range o.ring.faults {
		if !f.Opens {
			names, last = append(names, f.Secret), f
		}
	}
	which := last.String()
	switch n := len(names); {
	case n == 0:
		return nil
	case n > maxSuspects:
		which = fmt.Sprintf("Secrets %s and %d more", strings.Join(names[:maxSuspects], ", "), n-maxSuspects)
	case n > 1:
		which = fmt.Sprintf("Secrets %s and %s", strings.Join(names[:n-1], ", "), names[n-1])
	}
	return []string{fmt.Sprintf("it may need a key that is broken, in namespace %s: %s", o.where, which)}
}

// told reports that the error tells about the ciphertext. Another is that of a
// context which ended.
func told(err error) bool {
	var f *fault
	return errors.As(err, &f)
}
