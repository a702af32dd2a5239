package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// operator is the running binary.
type operator struct {
	cmd     *exec.Cmd
	logPath string
	// metrics and probe are the addresses where it serves them.
	metrics, probe string
	done           chan struct{} // closed when it has ended
}

// startOperator runs `tacit operator` and returns when it is ready. Its ports
// are free ones; should one be taken before the operator has it, others are
// tried.
func startOperator(ctx context.Context, binary, logPath string, env []string) (*operator, error) {
	const tries = 3
	var err error
	for range tries {
		var o *operator
		if o, err = launch(ctx, binary, logPath, env); err != nil {
			return nil, err
		}
		if err = o.untilReady(ctx); err == nil {
			return o, nil
		}
		o.stop()
		if !strings.Contains(err.Error(), "address already in use") {
			return nil, err
		}
	}
	return nil, err
}

func launch(ctx context.Context, binary, logPath string, env []string) (*operator, error) {
	metrics, probe, err := freeAddresses(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	o := &operator{logPath: logPath, metrics: metrics, probe: probe, done: make(chan struct{})}
	// Not the end of ctx but stop ends it.
	o.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, "operator", "--log-format", "text",
		"--doppler-host", "127.0.0.1", // where the Doppler of the sandbox is
		"--metrics-bind-address", metrics, "--health-probe-bind-address", probe, "--sealed-bind-address", "0")
	o.cmd.Env, o.cmd.Stdout, o.cmd.Stderr, o.cmd.SysProcAttr = env, log, log, bound()
	started := make(chan error)
	go func() {
		// The kernel takes the thread that forks for the parent with which
		// the process ends, so that thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := o.cmd.Start()
		started <- err
		if err == nil {
			_ = o.cmd.Wait() // how it ended stays in cmd.ProcessState
			close(o.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	return o, nil
}

// freeAddresses returns two addresses of loopback on which nothing listens.
func freeAddresses(ctx context.Context) (one, two string, err error) {
	var config net.ListenConfig
	var listeners [2]net.Listener
	for i := range listeners {
		if listeners[i], err = config.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listeners[i].Close() }()
	}
	return listeners[0].Addr().String(), listeners[1].Addr().String(), nil
}

// untilReady waits, for two minutes at most, until the operator says that
// it is ready.
func (o *operator) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	probe := "http://" + o.probe + "/readyz"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		select {
		case <-tick.C:
		case <-o.done:
			return o.ended()
		case <-ctx.Done():
			return fmt.Errorf("the operator did not become ready: %w; last: %w\n%s", ctx.Err(), err, o.tail())
		}
	}
}

// ended is the error for an operator that ended by itself.
func (o *operator) ended() error {
	return fmt.Errorf("the operator ended (%v)\n%s", o.cmd.ProcessState, o.tail())
}

// tail is the end of the operator's log.
func (o *operator) tail() string {
	const lines = 15
	b, err := os.ReadFile(o.logPath)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return "its last words:\n" + string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// stop ends the operator as a node does: it is asked to, and killed if it
// does not.
func (o *operator) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-o.done:
	case <-time.After(10 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.done
	}
}

// buildOperator builds bin/tacit.
func buildOperator(ctx context.Context, root string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join("bin", "tacit"), "./cmd/tacit")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	// Interrupted, go ends the compilers that it runs.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/tacit: %w\n%s", err, out)
	}
	return nil
}
