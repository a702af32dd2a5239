package seal

import (
	"fmt"
	"io"
	"os"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// ErrTooLarge is the error of a file that is larger than a manifest may be.
var ErrTooLarge = fmt.Errorf("it has more than %d bytes", maxFile)

// ReadBounded reads no more than a manifest may have.
func ReadBounded(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, ErrTooLarge
	}
	return content, nil
}

// ReadFile reads a file; its errors name it, and are ErrFile.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError{error: err}
	}
	defer func() { _ = f.Close() }() // nothing was written
	content, err := ReadBounded(f)
	if err != nil {
		return nil, fileError{error: fmt.Errorf("read %s: %w", path, err)}
	}
	return content, nil
}

// ReadBackup reads the file of a backup of keys.
func ReadBackup(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return io.ReadAll(io.LimitReader(f, 2*sealing.MaxBackup))
}
