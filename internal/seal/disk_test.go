package seal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
)

func TestAFileIsWrittenWholeAndKeepsItsRights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := seal.WriteFile(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("%s, %v", got, err)
	}
	if to, err := os.Readlink(link); err != nil || to != "file" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if err := seal.WriteNew(path, []byte("x")); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestEditsOfOneFileSeeEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const writers = 20
	for i := range writers {
		wg.Go(func() {
			err := seal.Edit(path, func(content []byte) ([]byte, error) { return fmt.Appendf(content, "%d\n", i), nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(path)
	if err != nil || strings.Count(string(got), "\n") != writers {
		t.Errorf("%v: %q", err, got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestAnEditOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	theirs := func(at string) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return []byte("ours"), os.WriteFile(at, []byte("theirs"), 0o600) }
	}
	other := filepath.Join(dir, "other")
	for name, change := range map[string]func([]byte) ([]byte, error){
		"an editor that writes": theirs(path),
		"one that replaces": func(b []byte) ([]byte, error) {
			after, err := theirs(other)(b)
			return after, errors.Join(err, os.Rename(other, path))
		},
	} {
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := seal.Edit(path, change); !errors.Is(err, seal.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "theirs" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestFilesAreSortedAndEachIsThereOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.MkdirAll(at("b/.git"), 0o700), os.Symlink(at("b"), at("link"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b/z.yaml", "b/a.YML", "b/x.json", "b/.git/g.yaml", "b/readme.md", "a.txt"} {
		if err := os.WriteFile(at(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := seal.Files(at("link"), at("a.txt"), at("b/z.yaml"), "-", at("b"), "/dev/null")
	if want := []string{"-", "/dev/null", at("a.txt"), at("b/a.YML"), at("b/x.json"), at("b/z.yaml")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n%v\n%v", err, got, want)
	}
	if _, err := seal.Files(at("none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
