package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// demoEnv makes the test binary the demo itself.
const demoEnv = "DEMO_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(demoEnv) == "" {
		os.Exit(m.Run())
	}
	s := newScreen(os.Stdout)
	if at, number := os.Getenv(atEnv), os.Getenv(signalEnv); at != "" {
		n, err := strconv.Atoi(number)
		if err != nil {
			panic(err)
		}
		s.out = interrupter{s.out, at, syscall.Signal(n)}
	}
	os.Exit(demo(s))
}

// atEnv is the line at which the demo under test gets the signal of signalEnv.
const (
	atEnv     = "DEMO_UNDER_TEST_AT"
	signalEnv = "DEMO_UNDER_TEST_SIGNAL"
)

// interrupter sends the process a signal when it has said a line, and has it
// say nothing more before that has come. Whoever sent it from outside might
// come too late.
type interrupter struct {
	io.Writer
	at     string
	signal syscall.Signal
}

func (i interrupter) Write(p []byte) (int, error) {
	n, err := i.Writer.Write(p)
	if bytes.HasPrefix(p, []byte(i.at)) {
		came := make(chan os.Signal, 1)
		signal.Notify(came, i.signal)
		if err := syscall.Kill(os.Getpid(), i.signal); err != nil {
			panic(err)
		}
		<-came
	}
	return n, err
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
			cmd.Env = append(os.Environ(), mark, "TMPDIR="+temp, atEnv+"="+c.at, fmt.Sprintf("%s=%d", signalEnv, c.signal))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, _ := cmd.Output() // its status tells
			if c.at != "" && !bytes.Contains(stdout, []byte("\n"+c.at)) {
				t.Errorf("it did not come so far: %s", stdout)
			}
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
