package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
	"github.com/tacit-secrets/tacit/internal/secret"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := ours(t)
	for _, path := range []string{"/v1/verify", "/v1/rotate"} {
		wants(t, b.post(path, manifest(strings.Repeat("A", 10<<20), "", "")), http.StatusRequestEntityTooLarge, "no SealedSecret that a cluster could hold")
		// Without a length told beforehand.
		endless := io.MultiReader(strings.NewReader(`{"kind":"`), iotest.OneByteReader(zeros{}))
		wants(t, b.ask(http.MethodPost, path, endless), http.StatusRequestEntityTooLarge)
		cut := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}")))
		wants(t, b.ask(http.MethodPost, path, cut), http.StatusBadRequest, "cut off")
		wants(t, b.post(path, strings.Repeat("[", server.MaxBody)), http.StatusBadRequest)
		wants(t, b.post(path, bomb()), http.StatusBadRequest)
		wants(t, b.post(path, textBomb(1<<20)), http.StatusBadRequest, "aliases")
		wants(t, b.post(path, partsBomb()), http.StatusBadRequest, "parts")
		wants(t, b.post(path, "\xff\xfe"+strings.Repeat("&\x00a\x00", 9)), http.StatusBadRequest, "UTF-8")
	}
}

// What a request of kubeseal's size has the server take is some times that.
func TestBodiesDoNotGrow(t *testing.T) {
	b := ours(t)
	for name, body := range map[string]string{
		"nodes": bomb(), "texts": textBomb(1 << 20), "parts": partsBomb(), "empty documents": strings.Repeat("---\n", server.MaxBody/4),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		wants(t, b.post("/v1/verify", body), http.StatusBadRequest)
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 256 {
			t.Errorf("%s: a body of %d bytes has %d MiB taken", name, len(body), took)
		}
	}
}

// textBomb is YAML that names one text of a size a thousand times.
func textBomb(size int) string {
	return "{x: &a \"" + strings.Repeat("z", size) + "\", y: [" + strings.Repeat("*a,", 1000) + "]}"
}

// partsBomb is YAML of as many parts as there is room for.
func partsBomb() string { return strings.Repeat("- a:\n", server.MaxBody/5) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// bomb is YAML that grows by a factor of nine a line.
func bomb() string {
	out := "a0: &a0 [x]\n"
	for i := 1; i < 12; i++ {
		of := "*a" + strconv.Itoa(i-1)
		out += "a" + strconv.Itoa(i) + ": &a" + strconv.Itoa(i) + " [" + of + strings.Repeat(","+of, 8) + "]\n"
	}
	return out
}

func TestAPeerIsLimitedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	b := serve(keyring(t, pairs()[0]), func(o *server.Options) { o.Rate, o.Burst = 0.001, 2 })
	from := func(peer, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		r.RemoteAddr = peer
		for _, h := range header {
			r.Header.Set("X-Forwarded-For", h)
		}
		out := httptest.NewRecorder()
		b.ServeHTTP(out, r)
		return out
	}
	wants(t, from("10.0.0.1:1", "/v1/verify"), http.StatusBadRequest)
	wants(t, from("10.0.0.1:2", "/v1/rotate"), http.StatusBadRequest)
	got := from("10.0.0.1:3", "/v1/verify")
	wants(t, got, http.StatusTooManyRequests)
	if s, err := strconv.Atoi(got.Header().Get("Retry-After")); err != nil || s < 1 || s > 1000 {
		t.Errorf("Retry-After: %q", got.Header().Get("Retry-After"))
	}
	wants(t, from("10.0.0.1:4", "/v1/verify", "10.9.9.9"), http.StatusTooManyRequests)
	wants(t, from("10.0.0.2:1", "/v1/verify"), http.StatusBadRequest)
	wants(t, from("[fe80::1]:1", "/v1/verify"), http.StatusBadRequest)
	// Others may always ask for what costs nothing.
	wants(t, b.ask(http.MethodGet, "/v1/cert.pem", http.NoBody), http.StatusOK)
}

// slow are keys that take as long as they are let.
type slow struct {
	server.Keys
	at chan struct{}
}

func (s slow) Open(ctx context.Context, _ delivery.Sealed) (secret.Data, error) {
	s.at <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestARequestEndsInTimeAndLetsTheNextIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := slow{at: make(chan struct{}, 64)}
		b := serve(keys, nil)
		const many = 40
		answers := make(chan *httptest.ResponseRecorder, many)
		begin := time.Now()
		for range many {
			go func() { answers <- b.post("/v1/verify", manifest("AAAA", "", "")) }()
		}
		for range many {
			wants(t, <-answers, http.StatusServiceUnavailable)
		}
		if took := time.Since(begin); took > 31*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := len(keys.at); n == 0 || n > 16 {
			t.Errorf("%d of %d were decrypting at once", n, many)
		}
		go func() { answers <- b.post("/v1/verify", manifest("AAAA", "", "")) }()
		<-answers
	})
}

// stepwise are keys that open one object at a time, when they are let.
type stepwise struct {
	server.Keys
	let    chan struct{}
	opened chan string
}

func (s stepwise) Open(ctx context.Context, of delivery.Sealed) (secret.Data, error) {
	select {
	case <-s.let:
		s.opened <- of.Name
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Who asked much waits for who asked little.
func TestPeersTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := stepwise{let: make(chan struct{}), opened: make(chan string, 64)}
		b := serve(keys, nil)
		ask := func(peer, name string) {
			r := httptest.NewRequest(http.MethodPost, "/v1/verify", strings.NewReader(strings.ReplaceAll(manifest("AAAA", "", ""), `"db"`, `"`+name+`"`)))
			r.RemoteAddr = peer
			go b.ServeHTTP(httptest.NewRecorder(), r)
			synctest.Wait()
		}
		for range 15 {
			ask("10.0.0.1:1", "much")
		}
		ask("10.0.0.2:1", "little")
		defer close(keys.let)
		for i := range 16 {
			keys.let <- struct{}{}
			name := <-keys.opened
			synctest.Wait()
			if name != "little" {
				continue
			}
			if running := max(1, runtime.GOMAXPROCS(0)/2); i > running {
				t.Errorf("%d others went before", i)
			}
			return
		}
		t.Error("it had no turn")
	})
}

// piped is a listener within the test, whose clock is the test's.
type piped struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *piped) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestNobodyIsWaitedForLong(t *testing.T) {
	t.Parallel()
	ring := keyring(t, pairs()[0])
	for name, c := range map[string]struct {
		sends, gets string
		after       time.Duration
	}{
		"silent":     {"", "", 5 * time.Second},
		"no body":    {"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", "HTTP/1.1 408 ", 5 * time.Second},
		"no headers": {"GET /v1/cert.pem HTTP/1.1\r\n", "", 5 * time.Second},
		"idle":       {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &piped{conns: make(chan net.Conn), ended: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- server.New(server.Options{Keys: ring, Kind: sealedsecrets.SealedSecrets()}).Serve(ctx, l)
				}()
				ours, theirs := net.Pipe()
				l.conns <- theirs
				begin := time.Now()
				_, _ = io.WriteString(ours, c.sends)
				got, err := io.ReadAll(ours)
				if err != nil || !strings.HasPrefix(string(got), c.gets) {
					t.Errorf("got %q, %v", got, err)
				}
				if took := time.Since(begin); took < c.after || took > c.after+time.Second {
					t.Errorf("it was waited for %s", took)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServesUntilItIsToldToStop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	defer func() { // they end when they learn that their connections are closed
		testkit.Eventually(t, 2*time.Minute, func() error { return goleak.Find(before) })
	}()
	s := server.New(server.Options{Keys: keyring(t, pairs()[0]), Kind: sealedsecrets.SealedSecrets()})
	if s.NeedLeaderElection() {
		t.Error("only the leader serves")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + l.Addr().String() + "/v1/cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(text) != certPEM(0) {
		t.Errorf("%s %v", text, err)
	}
	taken := server.New(server.Options{Address: l.Addr().String()})
	if err := taken.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "--sealed-bind-address") {
		t.Errorf("a taken address: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it listens still: %v", err)
	}
}
