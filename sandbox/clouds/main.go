// Command clouds serves the protocols of clouds from memory, for tests and
// for looking around: Doppler's API so far. Each is built from its own
// documentation, so that any client of it can use the server, and each can be
// made to fail on demand.
//
// When it serves it prints one line of JSON on standard output:
//
//	{"admin":"http://127.0.0.1:41871","doppler":"http://127.0.0.1:41872"}
//
// With -tls-cert and -tls-key it serves everything a second time over HTTPS,
// and the line has "dopplerTLS" too. What no cloud has, such as making
// projects and tokens, faults and the log of requests, is below
// /_sandbox/ at the address admin; see doppler.Server.Admin. It ends on
// SIGTERM and SIGINT.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tacit-secrets/tacit/sandbox/clouds/doppler"
)

// options are the command's flags.
type options struct{ admin, doppler, dopplerTLS, cert, key, plan string }

// ready is what the command says when it serves.
type ready struct {
	Admin      string `json:"admin"`
	Doppler    string `json:"doppler"`
	DopplerTLS string `json:"dopplerTLS,omitempty"`
}

func main() {
	var o options
	const anywhere = "127.0.0.1:0"
	flag.StringVar(&o.admin, "admin-addr", anywhere, "`address` of the sandbox's own pages; port 0 picks a free one")
	flag.StringVar(&o.doppler, "doppler-addr", anywhere, "`address` of Doppler's API")
	flag.StringVar(&o.dopplerTLS, "doppler-tls-addr", anywhere, "`address` of Doppler's API over HTTPS; needs -tls-cert")
	flag.StringVar(&o.cert, "tls-cert", "", "PEM `file` with a certificate; needs -tls-key, and serves HTTPS too")
	flag.StringVar(&o.key, "tls-key", "", "PEM `file` with the certificate's key")
	flag.StringVar(&o.plan, "doppler-plan", "", "rate limits of Doppler's `plan`: developer, team or enterprise; without one the limits are out of reach")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clouds:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, o options) error {
	if (o.cert == "") != (o.key == "") {
		return errors.New("-tls-cert and -tls-key go together: give both or neither")
	}
	limits, err := doppler.Plan(o.plan)
	if err != nil {
		return err
	}
	cloud := doppler.New(limits)
	served := make(chan error, 3)
	var said ready
	if said.Admin, err = serve(ctx, served, o.admin, cloud.Admin(), "", ""); err != nil {
		return err
	}
	if said.Doppler, err = serve(ctx, served, o.doppler, cloud, "", ""); err != nil {
		return err
	}
	if o.cert != "" {
		if said.DopplerTLS, err = serve(ctx, served, o.dopplerTLS, cloud, o.cert, o.key); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return nil // nothing in memory is worth draining for
	}
}

// serve listens at addr, answers in the background until the process ends,
// and returns the base URL.
func serve(ctx context.Context, served chan<- error, addr string, handler http.Handler, cert, key string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	if cert == "" {
		go func() { served <- server.Serve(listener) }()
		return "http://" + listener.Addr().String(), nil
	}
	go func() { served <- server.ServeTLS(listener, cert, key) }()
	return "https://" + listener.Addr().String(), nil
}
