package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running part. It dies when this program dies.
type process struct {
	name    string
	pid     int
	logPath string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
}

// start runs dir/name with args and appends what it prints to logDir/name.log,
// standard output too unless stdout is given.
func start(dir, name, logDir string, stdout io.Writer, args ...string) (*process, error) {
	return launch(exec.Command(filepath.Join(dir, name), args...), name, logDir, stdout, nil)
}

// launch is start for a command, which may run as somebody else.
func launch(cmd *exec.Cmd, name, logDir string, stdout io.Writer, as *syscall.Credential) (*process, error) {
	p := &process{cmd: cmd, name: name, logPath: filepath.Join(logDir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = log
	p.cmd.Stdout = log
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	p.cmd.SysProcAttr = bound()
	if as != nil {
		if p.cmd.SysProcAttr == nil {
			p.cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		p.cmd.SysProcAttr.Credential = as
	}
	started := make(chan error)
	go func() {
		// The kernel counts the thread that forked as the parent: if it
		// ended early the child would too, so it stays for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended stays in cmd.ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = p.cmd.Process.Pid
	return p, nil
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only if it is gone already
	<-p.done
}

// until polls ready until it succeeds. It fails when ctx ends or the process
// does, with the last error of ready and the tail of the process's log.
func (p *process) until(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a check that hangs on a process that is gone ends with it
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		last := ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-p.done:
		case <-ctx.Done():
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%v) before %s\n%s", p.name, p.cmd.ProcessState, what, p.tail())
		default:
			return fmt.Errorf("waiting until %s: %w; last: %w\n%s", what, context.Cause(ctx), last, p.tail())
		}
	}
}

// tail is the end of the process's log.
func (p *process) tail() string {
	const lines = 15
	b, err := os.ReadFile(p.logPath)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	all = all[max(0, len(all)-lines):]
	return "the end of " + p.logPath + ":\n" + string(bytes.Join(all, []byte("\n")))
}

// lostPort reports that the process ended because its port was taken between
// being picked and being listened on.
func (p *process) lostPort() bool {
	select {
	case <-p.done:
		return strings.Contains(p.tail(), "address already in use")
	default:
		return false
	}
}

// freePort picks a TCP port of loopback that nothing listens on. It stays
// below the range from which systems take the ports of outgoing connections,
// so that none of those takes it before it is used.
func freePort() (int, error) {
	const low, high, tries = 10000, 32000, 100
	var last error
	for range tries {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		return port, listener.Close()
	}
	return 0, errors.Join(errors.New("no free port on 127.0.0.1"), last)
}
