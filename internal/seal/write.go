package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// WriteFile puts a new content in place of a file's, whole or not at all. A
// file that is there keeps its owner, group and rights, as far as they can be
// given; a link goes on to lead to it, but another name of it (a hard link)
// keeps the old content. Without one the rights are those of mode.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	give := func(f *os.File) error { return f.Chmod(mode) }
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0) // /dev/stdout, a pipe
			if err != nil {
				return err
			}
			_, err = f.Write(content)
			return errors.Join(err, f.Close())
		}
		give = like(info)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil || info.Mode()&0o200 == 0 {
			return fmt.Errorf("%s: %w", path, errReadOnly)
		}
		_ = f.Close() // nothing was written
	}
	if err := replace(path, content, give, func() error { return nil }); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// errReadOnly: who made a file so did not want another in its place, of root's
// making either.
var errReadOnly = errors.New("it is read-only, and stays as it is: let it be written first (chmod u+w)")

// ErrChanged is that somebody else wrote a file meanwhile.
var ErrChanged = errors.New("it was changed meanwhile, and stays as it is now: run it again")

// Edit puts what change makes of a file's content in its place, whole or not at
// all, as WriteFile does. Of several that edit a file at once each is given
// what the one before it made. What another program writes meanwhile is not
// overwritten: that is ErrChanged. Its errors do not name the file.
func Edit(path string, change func(content []byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, info, err := lock(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	before, err := ReadBounded(f)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", cause(err))
	}
	after, err := change(before)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	return replace(path, after, like(info), func() error {
		now, err := ReadFile(path)
		if err == nil && !bytes.Equal(before, now) {
			err = ErrChanged
		}
		return err
	})
}

// lock opens a file that nobody else edits until it is closed.
func lock(path string) (*lockedfile.File, fs.FileInfo, error) {
	for {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, nil, cause(err)
		case !info.Mode().IsRegular():
			return nil, nil, errors.New("it is no file that could be changed in place")
		case info.Mode()&0o200 == 0:
			return nil, nil, errReadOnly
		}
		f, err := lockedfile.OpenFile(path, os.O_RDWR, 0)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, nil, errReadOnly
		case err != nil:
			return nil, nil, cause(err)
		}
		locked, err := f.Stat()
		if err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(locked, there) {
			return f, locked, nil
		}
		_ = f.Close() // another file has taken its place while we waited for it
	}
}

// replace writes a file beside the other and gives it its rights and its name,
// unless the last look at the other speaks against it. Its errors name neither.
func replace(path string, content []byte, give func(*os.File) error, look func() error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tacit-*")
	if err != nil {
		return fmt.Errorf("it cannot be written: %w", cause(err))
	}
	defer func() { _ = os.Remove(f.Name()) }() // once it has its name, there is nothing to remove
	_, err = f.Write(content)
	if err = errors.Join(err, give(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("it cannot be written: %w", cause(err))
	}
	if err := look(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("it cannot be written: %w", cause(err))
	}
	return nil
}

// cause leaves the name of the file out of an error, which is one of ours.
func cause(err error) error {
	var one *fs.PathError
	var two *os.LinkError
	switch {
	case errors.As(err, &one):
		return one.Err
	case errors.As(err, &two):
		return two.Err
	}
	return err
}

// WriteNew writes a file that is not there yet, for its owner alone.
func WriteNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is not overwritten: choose another name", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path) // half a file would pass for a whole one
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
