//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// A command that waits for the other end of a pipe ends at the first signal.
func TestASignalEndsWhatWaitsForAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newCluster(t, dir, "a")
	file := write(t, filepath.Join(dir, "db.yaml"), emptySealed)
	fifo := dir + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"a value":         {"seal", "set", file, "password", "--cert", dir + "/a.pem"},
		"a manifest":      {"seal", "--cert", dir + "/a.pem"},
		"a certificate":   {"seal", "set", file, "password", "--from-literal", "x", "--cert", "-"},
		"an old file":     {"seal", "diff", "-", file},
		"a file to check": {"seal", "verify", "--offline", "-"},
	} {
		p := start(t, args...)
		// More than a pipe holds is taken only once somebody reads.
		if _, err := p.stdin.Write(bytes.Repeat([]byte("x"), 256<<10)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, p.stderr.String())
			continue
		}
		p.signal(t, os.Interrupt)
		if got := p.end(t); got != "exit status 130" || p.stderr.String() != "tacit: interrupted\n" {
			t.Errorf("%s: %s\n%s", name, got, p.stderr.String())
		}
	}
	// A pipe by name, which nobody opens for writing until the command reads it.
	p := start(t, "seal", "-f", fifo, "--cert", dir+"/a.pem")
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	p.signal(t, syscall.SIGTERM)
	if got := p.end(t); got != "exit status 130" {
		t.Errorf("a pipe by name: %s\n%s", got, p.stderr.String())
	}
}

// Where the first signal is of no use, another kills.
func TestTheSecondSignalKills(t *testing.T) {
	t.Parallel()
	// It says more than a pipe holds, and nobody goes on to read.
	nobody, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = nobody.Close(), stdout.Close() }()
	p := prepare(t, "crds")
	p.Stdout = stdout
	p.run(t)
	if _, err := io.ReadFull(nobody, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() error {
		select {
		case err := <-p.done:
			p.done <- err
			return nil
		default:
			p.signal(t, syscall.SIGTERM)
			return errors.New("it runs")
		}
	})
	if got := p.end(t); got != "signal: terminated" {
		t.Error(got)
	}
}
