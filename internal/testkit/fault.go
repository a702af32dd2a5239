package testkit

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Fault is what goes wrong on the way through a Proxy. The zero Fault, None,
// is that nothing does.
type Fault struct {
	// Match limits the fault to the requests for which it returns true; nil
	// means all of them.
	Match func(*http.Request) bool

	// before returns true if the request was dealt with and must not reach
	// the target.
	before func(http.ResponseWriter, *http.Request) bool
	// after changes what the target answered.
	after func(*http.Response)
}

// None lets everything pass.
var None = Fault{}

// On limits the fault to requests whose path passes.
func (f Fault) On(path func(string) bool) Fault {
	f.Match = func(r *http.Request) bool { return path(r.URL.Path) }
	return f
}

// OnPrefix limits the fault to requests whose path starts so.
func (f Fault) OnPrefix(prefix string) Fault {
	return f.On(func(path string) bool { return strings.HasPrefix(path, prefix) })
}

func (f Fault) hits(r *http.Request) bool { return f.Match == nil || f.Match(r) }

// Down resets the connection before anything is answered. Go's HTTP client
// tries a request again if that happens on a connection that it had used
// before, so one call may count twice.
func Down() Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		reset(w)
		return true
	}}
}

// Slow holds each request back for d, or until its client gives up.
func Slow(d time.Duration) Fault {
	return Fault{before: func(_ http.ResponseWriter, r *http.Request) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return false
		case <-r.Context().Done():
			return true
		}
	}}
}

// Hold holds each request back until release is closed, or until its client
// gives up.
func Hold(release <-chan struct{}) Fault {
	return Fault{before: func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
			return false
		case <-r.Context().Done():
			return true
		}
	}}
}

// Status answers in the target's place.
func Status(code int, header http.Header, body string) Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}}
}

// Garbage answers 200 with a body that claims to be JSON and is none.
func Garbage() Fault {
	return Status(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, `{"data": <html>`)
}

// Empty answers 200 without a body.
func Empty() Fault { return Status(http.StatusOK, nil, "") }

// Cut sends the head of the target's real answer and half of its body, and
// then closes the connection.
func Cut() Fault {
	return Fault{after: func(r *http.Response) {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			body = nil // the target cut it; so do we, a little earlier
		}
		half := strings.NewReader(string(body[:len(body)/2]))
		r.Body = io.NopCloser(io.MultiReader(half, cut{}))
	}}
}

// cut is a body that breaks off.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// reset closes the connection so that the client sees it reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take: abort the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
