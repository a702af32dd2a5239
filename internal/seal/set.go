package seal

import (
	"errors"
	"fmt"
	"io"

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

// Do returns the content of the file with the key's value set, and tells what
// it did and what is worth a look.
func (s *Set) Do(random io.Reader, content []byte) (after []byte, told []string, err error) {
	if err := s.Check(content); err != nil {
		return nil, nil, err
	}
	f, o, err := s.open(content)
	if err != nil {
		return nil, nil, err
	}
	had := o.recipients(s.Key)
	if !s.ChangeRecipients {
		if err := had.same(s.To); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", o.Title(), err)
		}
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = s.Namespace
	}
	scope := ScopeOf(o.Annotations)
	if err := checkPlace(namespace, o.Name, scope); err != nil {
		return nil, nil, err
	}
	text, err := sealing.Seal(random, s.To, labelOf(namespace, o.Name, scope), s.Value)
	if err != nil {
		return nil, nil, err
	}
	after, err = f.Apply(Change{Object: o, Key: s.Key, Value: text})
	what := "added"
	if _, had := o.Spec.EncryptedData[s.Key]; had {
		what = "sealed anew"
	}
	told = []string{s.did(o, what)}
	for _, note := range had.malformed {
		told = append(told, fmt.Sprintf("%s: note: %s", o.Title(), note))
	}
	return after, told, err
}

// Remove returns the content of the file without the key, and tells what it
// did.
func (s *Set) Remove(content []byte) (after []byte, told []string, err error) {
	f, o, err := s.open(content)
	if err != nil {
		return nil, nil, err
	}
	after, err = f.Apply(Change{Object: o, Key: s.Key})
	return after, []string{s.did(o, "removed")}, err
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
