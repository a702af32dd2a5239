package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// operator is the program that is measured, as a process of its own.
type operator struct {
	pid     int
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when it has ended
	peak    atomic.Int64  // of its own memory, in bytes
}

// startOperator starts it with its defaults, but for ports that nobody else
// has, and what flags say.
func (l *lab) startOperator(ctx context.Context, flags ...string) (*operator, error) {
	log, err := os.CreateTemp(l.dir, "operator-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	o := &operator{logPath: log.Name(), done: make(chan struct{})}
	o.cmd = exec.CommandContext(ctx, l.binary, append([]string{"operator",
		"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0", "--sealed-bind-address=0"}, flags...)...)
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+l.plane.Kubeconfig())
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.SysProcAttr = bound()
	started := make(chan error)
	go func() {
		// To the kernel the thread that forked is the parent: it stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := o.cmd.Start()
		started <- err
		if err == nil {
			_ = o.cmd.Wait()
			close(o.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(l.binary), err)
	}
	o.pid = o.cmd.Process.Pid
	go o.watchMemory()
	return o, nil
}

// watchMemory keeps the peak until the process ends.
func (o *operator) watchMemory() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if now, err := rssAnon(o.pid); err == nil && now > o.peak.Load() {
				o.peak.Store(now)
			}
		case <-o.done:
			return
		}
	}
}

// memory is its own, now and at the peak.
func (o *operator) memory() (own, peak int64, err error) {
	own, err = rssAnon(o.pid)
	return own, o.peak.Load(), err
}

// stop asks it to end, and makes it after a while.
func (o *operator) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.done:
	case <-time.After(15 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.done
	}
}

// explain adds the end of the operator's log to an error.
func (o *operator) explain(err error) error {
	if err == nil {
		return nil
	}
	const lines = 10
	text, readErr := os.ReadFile(o.logPath)
	if readErr != nil || len(text) == 0 {
		return err
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%w\nthe operator said at last:\n%s", err, bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
