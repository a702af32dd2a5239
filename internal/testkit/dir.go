package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// workDir is a directory for the data, keys and logs of one part. A lock in
// it lasts as long as this program, so that the next one can tell what a
// killed one has left behind: tens of megabytes a control plane.
type workDir struct {
	path string
	lock *os.File
}

const dirPrefix = "tacit-sandbox-"

// newWorkDir makes a directory, after removing abandoned ones.
func newWorkDir() (workDir, error) {
	sweep(os.TempDir())
	path, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return workDir{}, err
	}
	lock, err := os.Create(filepath.Join(path, "locking"))
	if err != nil {
		return workDir{}, errors.Join(err, os.RemoveAll(path))
	}
	// Only a file that is locked already gets the name that sweep tries.
	if err := errors.Join(flock(lock), os.Rename(lock.Name(), filepath.Join(path, "lock"))); err != nil {
		return workDir{}, errors.Join(err, lock.Close(), os.RemoveAll(path))
	}
	return workDir{path, lock}, nil
}

// remove removes the directory and what is in it.
func (d workDir) remove() error {
	_ = d.lock.Close() // closed already if this is the second time
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("remove what the sandbox left on disk: %w", err)
	}
	return nil
}

func (d workDir) file(name string) string { return filepath.Join(d.path, name) }

// sweep removes the directories below temp whose programs are gone. It does
// what it can: a directory of somebody else's, say, stays.
func sweep(temp string) {
	locks, _ := filepath.Glob(filepath.Join(temp, dirPrefix+"*", "lock"))
	for _, name := range locks {
		lock, err := os.Open(name)
		if err != nil {
			continue
		}
		if flock(lock) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = lock.Close()
	}
}

// flock takes the lock or fails at once.
func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
