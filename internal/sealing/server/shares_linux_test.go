package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
)

// Linux has all of 127/8 for itself, so that one host is several peers.
const (
	hostile = "127.0.0.2"
	second  = "127.0.0.3"
	honest  = "127.0.0.4"
)

// listening is a server on a real socket; it returns the address.
func listening(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := server.New(server.Options{Keys: keyring(t, pairs()[0]), Kind: sealedsecrets.SealedSecrets(), Rate: 1e6, Burst: 1e6})
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// send writes, and reads until the first line of an answer. A connection that
// was closed has none.
func send(c net.Conn, text string) string {
	_, _ = io.WriteString(c, text)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

// ask is one request from a peer, tried for a while as kubeseal tries it.
func ask(t *testing.T, from, to, method, path, body string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}, Timeout: 4 * time.Second}
	last := ""
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+to+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			last = err.Error()
			continue
		}
		_ = resp.Body.Close()
		if last = resp.Status; resp.StatusCode == http.StatusOK {
			return
		}
	}
	t.Errorf("%s %s from %s: %s", method, path, from, last)
}

// stall begins a request whose body does not come, and returns when the server
// waits for it.
func stall(t *testing.T, from, to string) net.Conn {
	t.Helper()
	c := dial(t, from, to)
	got := send(c, "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
	if !strings.Contains(got, "100 Continue") {
		return nil
	}
	_, _ = io.WriteString(c, "{")
	return c
}

func TestStalledRequestsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	to := listening(t)
	good := manifest(seal(t, delivery.SealStrict, "pw", pairs()[0]), "", "")
	for _, from := range []string{hostile, second} {
		for range 20 {
			stall(t, from, to)
		}
	}
	ask(t, honest, to, http.MethodPost, "/v1/verify", good)
	ask(t, honest, to, http.MethodPost, "/v1/rotate", good)
	// Nor their own peer, which may be an API server that others come through.
	ask(t, hostile, to, http.MethodPost, "/v1/verify", good)
}

func TestConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{
		"idle":    "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
		"silent":  "",
		"at work": "GET /healthz HTTP/1.1\r\nHost: x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := listening(t)
			for i := range 200 {
				from := hostile
				if i >= 150 {
					from = second
				}
				c := dial(t, from, to)
				if name == "idle" {
					send(c, begin) // some are refused
				} else if _, err := fmt.Fprint(c, begin); err != nil {
					continue
				}
			}
			ask(t, honest, to, http.MethodGet, "/v1/cert.pem", "")
			if name != "at work" {
				ask(t, hostile, to, http.MethodGet, "/v1/cert.pem", "")
			}
		})
	}
}

// While nobody else asks, one peer may have it all: all who come through an
// API server are one.
func TestAnAPIServerHasRoomForMany(t *testing.T) {
	t.Parallel()
	to := listening(t)
	for i := range 16 {
		if stall(t, honest, to) == nil {
			t.Errorf("request %d was not taken", i)
		}
	}
	for i := range 100 {
		if got := send(dial(t, honest, to), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.Contains(got, "200 OK") {
			t.Fatalf("connection %d answers %q", i, got)
		}
	}
}
