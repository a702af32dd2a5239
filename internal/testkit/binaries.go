package testkit

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const modulePath = "github.com/tacit-secrets/tacit"

// Root is the root directory of Tacit's source, found by walking up from the
// working directory.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if isRoot(dir) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of %s above %s: run this inside a checkout of Tacit", modulePath, start)
		}
	}
}

// isRoot tells the main module's directory from those of the sandbox's
// modules, which are below it.
func isRoot(dir string) bool {
	file, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if lines.Text() == "module "+modulePath {
			return true
		}
	}
	return false
}

// binaries returns the directory with the sandbox's binaries, after checking
// that those named are there.
func binaries(names ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "sandbox")
	for _, name := range names {
		_, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is missing: run `make sandbox`", filepath.Join(dir, name))
		}
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}
