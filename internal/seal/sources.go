package seal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Values are taken from arguments, files and lines. Nobody can tell a key from
// a value that was put in its place, so the errors quote neither.

var errKey = errors.New("the part before '=' is no key: one is made of letters, digits, '-', '_' and '.'")

// ParseLiteral reads KEY=VALUE.
func ParseLiteral(word string) (key string, value secret.Value, err error) {
	key, rest, ok := strings.Cut(word, "=")
	switch {
	case !ok:
		return "", secret.Value{}, errors.New("want KEY=VALUE")
	case len(validation.IsConfigMapKey(key)) > 0:
		return "", secret.Value{}, errKey
	}
	return key, secret.NewString(rest), nil
}

// ParseFileSource reads [KEY=]PATH; without a key the file's name is it.
func ParseFileSource(word string) (key, path string, err error) {
	key, path, ok := strings.Cut(word, "=")
	if !ok {
		path = word
		key = word[strings.LastIndexAny(word, `/\`)+1:]
	}
	switch {
	case path == "":
		return "", "", errors.New("want [KEY=]PATH")
	case !ok && len(validation.IsConfigMapKey(key)) > 0:
		return "", "", errors.New("the file's name is no key: say KEY=PATH")
	case len(validation.IsConfigMapKey(key)) > 0:
		return "", "", errKey
	}
	return key, path, nil
}

// ParseEnv reads lines of KEY=VALUE. Empty lines and those that begin with #
// are left out; a value is taken as it stands, quotes too.
func ParseEnv(content []byte) (secret.Data, error) {
	content = bytes.TrimPrefix(content, []byte(bom))
	if !utf8.Valid(content) {
		return nil, errors.New("it is no text in UTF-8")
	}
	out := secret.Data{}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		if word, _, _ := strings.Cut(line, "="); strings.HasPrefix(word, "export ") {
			return nil, fmt.Errorf("line %d: this is for a shell: write KEY=VALUE without export", i+1)
		}
		key, value, err := ParseLiteral(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("line %d: its key stands twice", i+1)
		}
		out[key] = value
	}
	return out, nil
}

// Add puts a value to the others; a key comes from one place.
func (in *Input) Add(key string, value secret.Value) error {
	if in.Data == nil {
		in.Data = secret.Data{}
	}
	if _, twice := in.Data[key]; twice {
		return fmt.Errorf("the key %q is given twice", key)
	}
	if value.Len() > sealing.MaxPlaintext {
		return fmt.Errorf("the value of %q has %d bytes: a Secret holds at most %d", key, value.Len(), sealing.MaxPlaintext)
	}
	in.Data[key] = value
	return nil
}
