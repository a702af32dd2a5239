package testkit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// running reports whether the process is there and no zombie, which is what
// it stays if nobody reaps orphans.
func running(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

func TestNothingOutlivesAKilledProgram(t *testing.T) {
	t.Parallel()
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), abandonEnv+"=1")
	program.Stderr = os.Stderr
	stdout, err := program.StdoutPipe()
	must(t, err)
	must(t, program.Start())
	var left abandoned
	if err := json.NewDecoder(stdout).Decode(&left); err != nil {
		t.Fatalf("%v; %v", err, program.Wait())
	}
	for _, pid := range left.PIDs {
		if !running(pid) {
			t.Errorf("process %d of %v is not running before the kill", pid, left.PIDs)
		}
	}

	must(t, program.Process.Kill())
	_ = program.Wait() // says that it was killed
	testkit.Eventually(t, patience, func() error {
		for _, pid := range left.PIDs {
			if running(pid) {
				return fmt.Errorf("process %d of %v is still running", pid, left.PIDs)
			}
		}
		return nil
	})

	// What it left on disk goes when the next part is started by anybody.
	startVault(t, testkit.VaultOptions{})
	testkit.Eventually(t, patience, func() error { // somebody else may be at it still
		if _, err := os.Stat(left.Dir); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is still there (%w)", left.Dir, err)
		}
		return nil
	})
}
