package credentials

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// maxFile bounds what is read of a file: a token or a certificate.
const maxFile = 1 << 20

// file reads a file of the operator's own, always anew: what a volume holds
// is replaced while the operator runs.
func (s scoped) file(c delivery.Credential) (secret.Value, error) {
	if s.store.Namespace != "" {
		// No dialect asks for this. Should one ever, a tenant's store must not
		// read the operator's disk.
		return secret.Value{}, misconfigured(nil, "file %s is out of reach: only the operator's own configuration uses files", c.Name)
	}
	f, err := os.Open(c.Name)
	if err != nil {
		return secret.Value{}, unreadableFile(err, c)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return secret.Value{}, unreadableFile(err, c)
	case len(b) > maxFile:
		return secret.Value{}, misconfigured(nil, "file %s has more than %d bytes, which is no credential", c.Name, maxFile)
	case len(b) == 0:
		return secret.Value{}, misconfigured(nil, "file %s is empty", c.Name)
	}
	return secret.New(b), nil
}

func unreadableFile(err error, c delivery.Credential) error {
	why := "could not be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		why = "may not be read by the operator"
	}
	return misconfigured(err, "file %s, which the operator's configuration names, %s", c.Name, why)
}
