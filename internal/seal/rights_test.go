//go:build unix

package seal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/tacit-secrets/tacit/internal/seal"
)

func TestAFileKeepsWhoseItIs(t *testing.T) {
	t.Parallel()
	owner, group := os.Getuid(), os.Getgid()
	if groups, err := os.Getgroups(); err == nil && len(groups) > 0 {
		group = slices.Max(groups)
	}
	if owner == 0 {
		owner, group = 12345, 54321
	}
	const mode = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o660
	path := filepath.Join(t.TempDir(), "file")
	for name, write := range map[string]func() error{
		"written": func() error { return seal.WriteFile(path, []byte("new"), 0o644) },
		"edited":  func() error { return seal.Edit(path, func([]byte) ([]byte, error) { return []byte("new"), nil }) },
	} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, group); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		has, ok := info.Sys().(*syscall.Stat_t)
		if !ok || int(has.Uid) != owner || int(has.Gid) != group || info.Mode() != mode || os.SameFile(before, info) {
			t.Errorf("%s: %s of %d:%d, want %s of %d:%d", name, info.Mode(), has.Uid, has.Gid, mode, owner, group)
		}
	}
}

// Nobody gets rights because a file could not be given to its owner or group.
func TestRightsAreNotGivenToOthers(t *testing.T) {
	t.Parallel()
	const all = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	for _, c := range []struct {
		mode         fs.FileMode
		owner, group bool
		want         fs.FileMode
	}{
		{all | 0o674, true, true, all | 0o674},
		{all | 0o674, false, true, fs.ModeSetgid | fs.ModeSticky | 0o674},
		{all | 0o674, true, false, fs.ModeSetuid | fs.ModeSticky | 0o644},
		{0o660, false, false, 0o600},
		{0o646, true, false, 0o646},
	} {
		if got := seal.Rights(c.mode, c.owner, c.group); got != c.want {
			t.Errorf("%s, %t, %t: %s, want %s", c.mode, c.owner, c.group, got, c.want)
		}
	}
}
