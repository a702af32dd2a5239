package seal

import (
	"io/fs"
	"os"
)

// like gives a file the owner, the group and the rights of another. Only root
// may give a file away; rights that would then be somebody else's are left out.
func like(other fs.FileInfo) func(*os.File) error {
	return func(f *os.File) error {
		owner, group := chown(f, other)
		return f.Chmod(rights(other.Mode(), owner, group))
	}
}

// rights are those of a mode that a file may have, be its owner and its group
// the same or not. Another group may do no more than anybody.
func rights(mode fs.FileMode, owner, group bool) fs.FileMode {
	mode &= fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if !owner {
		mode &^= fs.ModeSetuid
	}
	if !group {
		mode &^= fs.ModeSetgid
		mode &^= 0o070 &^ (mode << 3)
	}
	return mode
}
