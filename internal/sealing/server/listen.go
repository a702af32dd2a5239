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
)

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
		ReadHeaderTimeout: haste,
		ReadTimeout:       2 * haste,
		WriteTimeout:      2 * patience,
		IdleTimeout:       2 * haste,
		ConnState:         heed,
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
	err := srv.Serve(&listener{l, &shares{room: maxConnections}})
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve kubeseal: %w", err)
}

// listener closes connections for which there is no room, rather than leave
// everybody waiting.
type listener struct {
	net.Listener
	shares *shares
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // net/http knows it as it is
		}
		if g := l.shares.enter(peerOf(c.RemoteAddr().String()), func() { _ = c.Close() }); g != nil {
			return &conn{c, g, l.shares}, nil
		}
		_ = c.Close()
	}
}

type conn struct {
	net.Conn
	guest  *guest
	shares *shares
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.shares.leave(c.guest)
	return c.Conn.Close() //nolint:wrapcheck // as above
}

// heed notes whether a connection is of use.
func heed(c net.Conn, state http.ConnState) {
	if c, ok := c.(*conn); ok {
		c.guest.awaited(state == http.StateNew || state == http.StateIdle)
	}
}
