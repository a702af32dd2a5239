package wire_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
)

const canary = "canary-91ab"

func do(t *testing.T, url string) (wire.Answer, error) {
	t.Helper()
	c := wire.New("the store", wire.NewTransport(nil))
	t.Cleanup(c.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

// raw is a server that answers every connection with the same bytes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1024)
			_, _ = conn.Read(buf)
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestFailuresQuoteNothing(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		answer string
		kind   backend.Kind
		says   string
	}{
		"no answer":           {"", backend.Unavailable, "closed the connection"},
		"not HTTP":            {canary + "\r\n\r\n", backend.Unavailable, "the connection failed"},
		"bad header":          {ok + canary + "\r\n\r\n", backend.Unavailable, "the connection failed"},
		"bad status":          {"HTTP/1.1 " + canary + "\r\n\r\n", backend.Unavailable, "the connection failed"},
		"bad length":          {ok + "Content-Length: " + canary + "\r\n\r\n", backend.Unavailable, "the connection failed"},
		"cut body":            {ok + "Content-Length: 100\r\n\r\n" + canary, backend.Malformed, "cut off"},
		"cut chunk":           {ok + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + canary, backend.Malformed, "cut off"},
		"bad chunk":           {ok + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n", backend.Unavailable, "the connection failed"},
		"bad gzip":            {ok + "Content-Encoding: gzip\r\n\r\n" + canary, backend.Unavailable, "the connection failed"},
		"bad location":        {"HTTP/1.1 307 X\r\nLocation: http://[" + canary + "\r\n\r\n", backend.Unavailable, "the connection failed"},
		"another scheme":      {"HTTP/1.1 307 X\r\nLocation: file:///" + canary + "\r\n\r\n", backend.Misconfigured, "another host"},
		"redirect to a port":  {"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/" + canary + "\r\n\r\n", backend.Misconfigured, "another host"},
		"redirect in circles": {"HTTP/1.1 302 X\r\nLocation: /" + canary + "\r\n\r\n", backend.Misconfigured, "too often"},
	} {
		_, err := do(t, raw(t, c.answer))
		if err == nil || backend.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (%s), want %q (%s)", name, err, backend.KindOf(err), c.says, c.kind)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), canary) {
				t.Errorf("%s: %v quotes the answer", name, e)
			}
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, wire.MaxBody, wire.MaxBody + 1} {
		for _, chunked := range []bool{false, true} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = w.Write(make([]byte, size))
			}))
			a, err := do(t, server.URL)
			server.Close()
			if size <= wire.MaxBody && (err != nil || len(a.Body) != size) {
				t.Errorf("%d bytes: %d, %v", size, len(a.Body), err)
			}
			if size > wire.MaxBody && (!errors.Is(err, wire.ErrTooLong) || backend.KindOf(err) != backend.Malformed) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
}

func TestRedirectWithinTheHostIsFollowed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		_, _ = w.Write([]byte("there"))
	}))
	t.Cleanup(server.Close)
	if a, err := do(t, server.URL+"/"); err != nil || string(a.Body) != "there" {
		t.Errorf("%s, %v", a.Body, err)
	}
}

func TestReasonsAreTold(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for url, says := range map[string]string{
		"http://127.0.0.1:1":                            "connection refused", // not a port that another might get meanwhile
		"https" + strings.TrimPrefix(plain.URL, "http"): "does not speak TLS",
		secure.URL:               "unknown authority",
		"http://nowhere.invalid": "nowhere.invalid",
	} {
		_, err := do(t, url)
		if backend.KindOf(err) != backend.Unavailable || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", url, err, says)
		}
	}
}

func TestNothingIsAskedAtLinkLocalAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://169.254.169.254/latest/meta-data", "https://169.254.0.1", "http://[fe80::1%25lo]:80", "http://[fe80::1]",
		"http://[::ffff:169.254.169.254]", "http://[fd00:ec2::254]", "http://224.0.0.1",
	} {
		_, err := do(t, url)
		if backend.KindOf(err) != backend.Misconfigured || !strings.Contains(err.Error(), "link-local") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCancelledCallsSaySo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	c := wire.New("the store", wire.NewTransport(nil))
	t.Cleanup(c.Close)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.Do(req); !errors.Is(err, context.Canceled) || backend.KindOf(err) != backend.Unavailable {
		t.Errorf("got %v", err)
	}
}
