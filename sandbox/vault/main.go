// Command vault is a real Vault 1.14 (the last release under the MPL) that
// keeps everything in memory, for tests and the demo.
//
// It starts initialized and unsealed, with KV v2 at secret/, KV v1 at kv1/,
// the database engine at database/, and the auth methods approle, kubernetes
// and jwt known (approle enabled). When it serves it prints one line of JSON
// on standard output:
//
//	{"address":"http://127.0.0.1:41873","rootToken":"…","unsealKey":"…"}
//
// It ends on SIGTERM and SIGINT. Beside Vault's own API it answers /__count,
// see counter, and /__users, see memoryDatabase.
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

	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/vault"
)

func main() {
	var (
		addr = flag.String("addr", "127.0.0.1:0", "`address` to listen on; port 0 picks a free one")
		cert = flag.String("tls-cert", "", "PEM `file` with the certificate; needs -tls-key, and serves HTTPS")
		key  = flag.String("tls-key", "", "PEM `file` with the certificate's key")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *addr, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr, cert, key string) error {
	if (cert == "") != (key == "") {
		return errors.New("-tls-cert and -tls-key go together: give both or neither")
	}
	users := newUsers()
	core, ready, err := newCore(users)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	ready.Address = "http://" + listener.Addr().String()
	if cert != "" {
		ready.Address = "https://" + listener.Addr().String()
	}
	server := &http.Server{Handler: handler(core, users), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() {
		if cert != "" {
			served <- server.ServeTLS(listener, cert, key)
		} else {
			served <- server.Serve(listener)
		}
	}()
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return server.Close() // nothing in memory is worth draining for
	}
}

// handler is Vault's own, with our pages beside it and every request counted.
func handler(core *vault.Core, users *users) http.Handler {
	api := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})
	var count counter
	mux := http.NewServeMux()
	mux.Handle("/__count", &count)
	mux.Handle("/__users", users)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		count.add(r)
		api.ServeHTTP(w, r)
	})
	return mux
}
