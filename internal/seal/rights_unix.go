//go:build unix

package seal

import (
	"io/fs"
	"os"
	"syscall"
)

// chown gives a file the owner and the group of another, and reports which of
// them it has then.
func chown(f *os.File, other fs.FileInfo) (owner, group bool) {
	want, ok := other.Sys().(*syscall.Stat_t)
	if !ok {
		return false, false
	}
	if f.Chown(int(want.Uid), int(want.Gid)) != nil {
		_ = f.Chown(-1, int(want.Gid)) // to a group of one's own; else it keeps its own
	}
	info, err := f.Stat()
	if err != nil {
		return false, false
	}
	has, ok := info.Sys().(*syscall.Stat_t)
	return ok && has.Uid == want.Uid, ok && has.Gid == want.Gid
}
