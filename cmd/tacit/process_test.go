//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const patience = 2 * time.Minute

// process is a tacit that runs.
type process struct {
	*exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr bytes.Buffer
	done           chan error
}

// start runs a tacit that has no cluster, with a pipe as its stdin.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := prepare(t, args...)
	var err error
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.run(t)
	return p
}

func prepare(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(context.WithoutCancel(t.Context()), "tacit", args...), done: make(chan error, 1)}
	p.Env = append(os.Environ(), "KUBECONFIG=none", "HOME="+t.TempDir())
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

// run starts it, and has it end with the test.
func (p *process) run(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.Wait() }()
	t.Cleanup(func() { _ = p.Process.Kill() })
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// end is how it ended.
func (p *process) end(t *testing.T) string {
	t.Helper()
	select {
	case err := <-p.done:
		if err == nil {
			return "exit status 0"
		}
		return err.Error()
	case <-time.After(patience):
		_ = p.Process.Kill()
		return "it did not end" + strings.TrimSpace(p.stderr.String())
	}
}
