package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// demoEnv makes the test binary the demo itself.
const demoEnv = "DEMO_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(demoEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestNothingIsLeft interrupts the demo in the middle of its steps, and runs
// it to the end.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, at string // a line that the demo says then; empty: to its end
		signal   syscall.Signal
		code     int
	}{
		{"Ctrl-C while the control plane starts", "==> control plane", syscall.SIGINT, 130},
		{"SIGTERM while Vault starts", "==> Vault", syscall.SIGTERM, 130},
		{"Ctrl-C while a change is on its way", "==> changed in Vault", syscall.SIGINT, 130},
		{"SIGTERM after Doppler started", "==> applied, until the Deployment", syscall.SIGTERM, 130},
		{"to its end", "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			mark := demoEnv + "=" + temp // every process that the demo starts inherits it
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), mark, "TMPDIR="+temp)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(stdout); lines.Scan(); {
				if c.at != "" && strings.HasPrefix(lines.Text(), c.at) {
					if err := cmd.Process.Signal(c.signal); err != nil {
						t.Error(err)
					}
				}
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit status %d, want %d: %s", got, c.code, &stderr)
			}
			if left := running(t, mark); len(left) > 0 {
				t.Errorf("still running: %q", left)
			}
			if left, _ := filepath.Glob(filepath.Join(temp, "tacit-*")); len(left) > 0 {
				t.Errorf("still on disk: %v", left)
			}
		})
	}
}

// running lists the command lines of all processes that have the mark in
// their environment.
func running(t *testing.T, mark string) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range environs {
		environ, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(environ, []byte(mark+"\x00")) {
			continue // somebody else's, or gone meanwhile
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
		found = append(found, string(bytes.ReplaceAll(line, []byte("\x00"), []byte(" "))))
	}
	return found
}
