//go:build !unix

package seal

import (
	"io/fs"
	"os"
)

// chown has nothing to do where rights name neither owner nor group.
func chown(*os.File, fs.FileInfo) (owner, group bool) { return true, true }
