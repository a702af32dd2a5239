// Command demo shows the roads from Vault to a Secret, and from Doppler to a
// Deployment that restarts, on real parts, as `make demo` runs it: a control
// plane, a Vault, a server of Doppler's API and the built operator, on
// loopback.
//
// On a terminal it stays until Ctrl-C, for whoever wants to try things.
// Without one it ends when everything has been shown, with a status that says
// whether all was as it should be. Either way nothing is left behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() { os.Exit(demo(newScreen(os.Stdout))) }

// demo is main without the process: it returns the exit status.
func demo(s *screen) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends us whatever we do
	// The clients' own log would run through what we say.
	klog.SetLogger(logr.Discard())
	ctrl.SetLogger(logr.Discard())

	stay := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	err := run(ctx, s, stay)
	switch {
	case err == nil:
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 130
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return 0
}

var errInterrupted = errors.New("interrupted before everything was shown")

// run starts everything, shows it, and stops everything, however far it came.
func run(ctx context.Context, s *screen, stay bool) error {
	s.say("%s\n", s.paint(bold, "Tacit: from Vault and Doppler to Secrets of Kubernetes, on real parts"))
	end := s.run()
	b, err := startSandbox(ctx, s)
	if err == nil {
		err = b.lead(ctx, s, stay)
	}
	end()
	if err != nil && ctx.Err() != nil {
		err = errInterrupted // whatever failed, failed of that
	}
	fmt.Fprintln(s.out)
	end = s.run()
	stopped := s.step("stopping everything")
	err = errors.Join(err, stopped(b.stop()))
	end()
	return err
}

// lead shows the road, and with stay goes on until ctx ends.
func (b *sandbox) lead(ctx context.Context, s *screen, stay bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // without the operator there is nothing to wait for
		select {
		case <-b.operator.done:
			cancel(b.operator.ended())
		case <-ctx.Done():
		}
	}()
	t, err := newTour(ctx, b, s)
	if err != nil {
		return err
	}
	r, err := newRestart(t)
	if err != nil {
		return err
	}
	for _, stop := range slices.Concat(t.stops(), r.stops()) {
		if err := stop(ctx); err != nil {
			return err
		}
	}
	if !stay {
		s.say("\nEverything is as it should be.")
		return nil
	}
	t.invite()
	if err := r.invite(ctx); err != nil {
		return err
	}
	t.say("\nCtrl-C ends it and leaves nothing behind.")
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
