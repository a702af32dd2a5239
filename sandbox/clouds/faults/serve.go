package faults

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Serve answers the request, which is about scope, with next or with the
// fault that it meets, and logs it. refuse writes the server's own form of an
// error, for status faults without a body.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, scope string, next http.HandlerFunc, refuse func(http.ResponseWriter, int)) {
	fault := s.take(r, scope)
	logged := &loggingWriter{ResponseWriter: w, set: s, entry: newRequest(r, scope, fault.Kind)}
	defer logged.log(0)
	switch fault.Kind {
	case Down:
		logged.log(0) // before the client knows
		reset(w)
	case Slow:
		if !wait(r.Context(), time.Duration(fault.DelayMS)*time.Millisecond) {
			return
		}
		next(logged, r)
	case Status:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		if fault.Body == "" {
			refuse(logged, fault.Status)
			return
		}
		logged.WriteHeader(fault.Status)
		_, _ = io.WriteString(logged, fault.Body)
	case Garbage, Empty, Cut:
		fault.spoil(logged, r, next)
	default:
		next(logged, r)
	}
}

// spoil answers as next does, but for the body.
func (f Fault) spoil(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	r = r.Clone(r.Context())
	r.Header.Del("If-None-Match") // a 304 has no body to spoil
	answer := recorder{header: w.Header(), status: http.StatusOK}
	next(&answer, r)
	body := answer.body.Bytes()
	switch f.Kind {
	case Empty:
		body = nil
	case Garbage:
		if body = []byte(f.Body); f.Body == "" {
			body = []byte(`{"data": <html>`)
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.status)
	if f.Kind != Cut {
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // closes the connection with half of the body owing
}

// recorder keeps an answer's body back.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header implements http.ResponseWriter.
func (a *recorder) Header() http.Header { return a.header }

// Write implements http.ResponseWriter.
func (a *recorder) Write(p []byte) (int, error) { return a.body.Write(p) }

// WriteHeader implements http.ResponseWriter.
func (a *recorder) WriteHeader(status int) { a.status = status }

// wait returns false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

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
