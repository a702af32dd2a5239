package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
)

// Peers, as the server sees them.
const (
	hostile = "10.0.0.2"
	second  = "10.0.0.3"
	honest  = "10.0.0.4"
)

// crowd is a server within the test that several peers come to. It is on the
// test's clock: how busy the machine is makes no difference to who gives way.
type crowd struct {
	t        *testing.T
	listener *piped
}

// crowded runs do beside a server.
func crowded(t *testing.T, do func(c *crowd)) {
	t.Helper()
	p := pairs()[0]
	// The clock of a synctest begins long before the certificate.
	valid := sealing.Options{Now: func() time.Time { return p.cert.NotBefore.Add(time.Hour) }}
	ring := sealing.NewKeyring(cluster{[]pair{p}}, valid)
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t, &piped{conns: make(chan net.Conn), ended: make(chan struct{})}}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		s := server.New(server.Options{Keys: ring, Kind: sealedsecrets.SealedSecrets(), Rate: 1e6, Burst: 1e6})
		go func() { ended <- s.Serve(ctx, c.listener) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		do(c)
	})
}

// from is a connection as the server has it, which comes from a peer.
type from struct {
	net.Conn
	peer string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.peer), Port: 1} }

// dial connects a peer, for the length of the test.
func (c *crowd) dial(peer string) net.Conn {
	ours, theirs := net.Pipe()
	c.t.Cleanup(func() { _ = ours.Close() })
	c.listener.conns <- from{theirs, peer}
	return ours
}

// send writes, and reads until the first line of an answer. A connection that
// was closed has none.
func send(c net.Conn, text string) string {
	_, _ = io.WriteString(c, text)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

// ask is one request from a peer, tried for a while as kubeseal tries it.
func (c *crowd) ask(peer, method, path, body string) {
	c.t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) { return c.dial(peer), nil }
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 4 * time.Second}
	last := ""
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r, err := http.NewRequestWithContext(c.t.Context(), method, "http://operator"+path, strings.NewReader(body))
		if err != nil {
			c.t.Fatal(err)
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
	c.t.Errorf("%s %s from %s: %s", method, path, peer, last)
}

// stall begins a request whose body does not come, and returns when the server
// waits for it; nil if it does not.
func (c *crowd) stall(peer string) net.Conn {
	conn := c.dial(peer)
	got := send(conn, "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
	if !strings.Contains(got, "100 Continue") {
		return nil
	}
	_, _ = io.WriteString(conn, "{")
	return conn
}

func TestStalledRequestsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	good := manifest(seal(t, delivery.SealStrict, "pw", pairs()[0]), "", "")
	crowded(t, func(c *crowd) {
		for _, peer := range []string{hostile, second} {
			for range 20 {
				c.stall(peer)
			}
		}
		c.ask(honest, http.MethodPost, "/v1/verify", good)
		c.ask(honest, http.MethodPost, "/v1/rotate", good)
		// Nor their own peer, which may be an API server that others come through.
		c.ask(hostile, http.MethodPost, "/v1/verify", good)
	})
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
			crowded(t, func(c *crowd) {
				for i := range 200 {
					peer := hostile
					if i >= 150 {
						peer = second
					}
					conn := c.dial(peer)
					switch name {
					case "idle":
						send(conn, begin) // some are refused
					case "at work":
						_, _ = io.WriteString(conn, begin)
					}
				}
				c.ask(honest, http.MethodGet, "/v1/cert.pem", "")
				if name != "at work" {
					c.ask(hostile, http.MethodGet, "/v1/cert.pem", "")
				}
			})
		})
	}
}

// While nobody else asks, one peer may have it all: all who come through an
// API server are one.
func TestAnAPIServerHasRoomForMany(t *testing.T) {
	t.Parallel()
	crowded(t, func(c *crowd) {
		for i := range 16 {
			if c.stall(honest) == nil {
				t.Errorf("request %d was not taken", i)
			}
		}
		for i := range 100 {
			if got := send(c.dial(honest), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.Contains(got, "200 OK") {
				t.Fatalf("connection %d answers %q", i, got)
			}
		}
	})
}
