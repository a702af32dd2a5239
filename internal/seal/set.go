package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Set is what `tacit seal set` is told to do.
type Set struct {
	// Name and Namespace choose among the objects of the file; Namespace also
	// says what an object without one is sealed for.
	Name, Namespace string
	Key             string
	Value           secret.Value
	To              []sealing.Certificate
	// ChangeRecipients lets the value be for other keys than the others of the
	// object are.
	ChangeRecipients bool
}

// Check finds in a file what would be set, so that nobody is asked for a value
// in vain.
func (s *Set) Check(content []byte) error {
	if len(validation.IsConfigMapKey(s.Key)) > 0 {
		return errors.New("this is no key of a Secret: one is made of letters, digits, '-', '_' and '.'")
	}
	_, _, err := s.open(content)
	return err
}

// Do returns the content of the file with the key's value set, and what it did.
func (s *Set) Do(random io.Reader, content []byte) (after []byte, done string, err error) {
	if err := s.Check(content); err != nil {
		return nil, "", err
	}
	f, o, err := s.open(content)
	if err != nil {
		return nil, "", err
	}
	if !s.ChangeRecipients {
		if err := o.sameRecipients(s.To, s.Key); err != nil {
			return nil, "", fmt.Errorf("%s: %w", o.Title(), err)
		}
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = s.Namespace
	}
	scope := ScopeOf(o.Annotations)
	if err := checkPlace(namespace, o.Name, scope); err != nil {
		return nil, "", err
	}
	text, err := sealing.Seal(random, s.To, labelOf(namespace, o.Name, scope), s.Value)
	if err != nil {
		return nil, "", err
	}
	after, err = f.Apply(Change{Object: o, Key: s.Key, Value: text})
	what := "added"
	if _, had := o.Spec.EncryptedData[s.Key]; had {
		what = "sealed anew"
	}
	return after, s.did(o, what), err
}

// Remove returns the content of the file without the key, and what it did.
func (s *Set) Remove(content []byte) (after []byte, done string, err error) {
	f, o, err := s.open(content)
	if err != nil {
		return nil, "", err
	}
	after, err = f.Apply(Change{Object: o, Key: s.Key})
	return after, s.did(o, "removed"), err
}

func (s *Set) did(o *Object, what string) string {
	return fmt.Sprintf("%s: key %s: %s", o.Title(), s.Key, what)
}

func (s *Set) open(content []byte) (*File, *Object, error) {
	f, err := ParseFile(content)
	if err != nil {
		return nil, nil, err
	}
	o, err := f.Find(s.Namespace, s.Name)
	return f, o, err
}

// sameRecipients refuses certificates with which the object would open in
// other clusters than it does: in fewer, or half of it in more.
func (o *Object) sameRecipients(to []sealing.Certificate, but string) error {
	had, one, err := o.recipients(but)
	if err != nil {
		return err
	}
	given := map[sealing.KeyID]bool{}
	for i := range to {
		given[to[i].ID] = true
	}
	const wayOut = "give the same certificates, or say --change-recipients (a cluster that has a new key since: tacit seal rotate first)"
	switch {
	case one && len(given) > 1:
		return fmt.Errorf("its other values are for one cluster in the form of Sealed Secrets, and %d certificates are given: %s", len(given), wayOut)
	case len(had) == 0:
		return nil
	}
	var missing, added []sealing.KeyID
	for _, id := range had {
		if !given[id] {
			missing = append(missing, id)
		}
	}
	for id := range given {
		if !slices.Contains(had, id) {
			added = append(added, id)
		}
	}
	slices.SortFunc(added, byID)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("it is sealed for %d clusters, and of their certificates these are not given: %s; without them it would not open there any more: %s", len(had), ids(missing), wayOut)
	case len(added) > 0:
		return fmt.Errorf("its other values are not sealed for %s, so that it would not open there: %s", ids(added), wayOut)
	}
	return nil
}

func byID(a, b sealing.KeyID) int { return bytes.Compare(a[:], b[:]) }

// recipients are the keys that the object's values name; one reports that
// some are of the form that names none. The value that is replaced counts
// only where it is the only one.
func (o *Object) recipients(but string) (named []sealing.KeyID, one bool, err error) {
	seen := map[sealing.KeyID]bool{}
	for key, value := range o.Spec.EncryptedData {
		if key == but && len(o.Spec.EncryptedData) > 1 {
			continue
		}
		of, err := sealing.Names(value)
		if err != nil {
			if key == but {
				continue // about to be mended
			}
			return nil, false, fmt.Errorf("key %q: %w", key, err)
		}
		one = one || len(of) == 0
		for _, id := range of {
			seen[id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), byID), one, nil
}
