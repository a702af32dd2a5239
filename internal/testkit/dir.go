package testkit

import (
	"os"
)

// makeDir makes a directory for the data, keys and logs of one part.
func makeDir(kind string) (string, error) {
	return os.MkdirTemp("", "tacit-"+kind+"-")
}
