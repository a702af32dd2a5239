package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// maxConnections are open at once; others wait.
const maxConnections = 128

// NeedLeaderElection implements manager.LeaderElectionRunnable: a Service
// sends requests to every replica.
func (*Server) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. It serves until ctx ends.
func (s *Server) Start(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.opts.Address)
	if err != nil {
		return fmt.Errorf("serve kubeseal (choose another address with --sealed-bind-address, or 0 for none): %w", err)
	}
	s.opts.Log.Info("serving kubeseal", "address", l.Addr().String())
	return s.Serve(ctx, l)
}

// Serve is Start with a listener, which it closes.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       patience,
		WriteTimeout:      2 * patience,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// It is about peers that break the protocol, and may quote them.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		// Those who are being answered have a moment; ctx has ended already.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if srv.Shutdown(last) != nil {
			_ = srv.Close() // what it says is about connections that are gone
		}
	})
	err := srv.Serve(netutil.LimitListener(l, maxConnections))
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve kubeseal: %w", err)
}
