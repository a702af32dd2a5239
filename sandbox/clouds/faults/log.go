package faults

import (
	"net/http"
	"slices"
	"time"
)

// Request is what the log keeps of a request. It has no value of a query, no
// header and no body, so that no secret can be in it.
type Request struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Query are the names of the query's parameters, sorted.
	Query []string `json:"query"`
	// Scope is what the request was about, as far as the server knows it.
	Scope string `json:"scope"`
	// Conditional requests carried If-None-Match.
	Conditional bool `json:"conditional"`
	// Status is what was answered; 0 if nothing was.
	Status int `json:"status"`
	// Fault is the fault that the request met.
	Fault Kind `json:"fault,omitempty"`
}

// longest is how many requests the log keeps, the newest.
const longest = 100_000

func newRequest(r *http.Request, scope string, fault Kind) Request {
	query := []string{}
	for name := range r.URL.Query() {
		query = append(query, name)
	}
	slices.Sort(query)
	return Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: query, Scope: scope,
		Conditional: r.Header.Get("If-None-Match") != "", Fault: fault,
	}
}

func (s *Set) add(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) >= longest {
		s.log = slices.Delete(s.log, 0, longest/2)
	}
	s.log = append(s.log, r)
}

// Requests returns those logged about scope and what is below it, the oldest
// first; all of them if it is empty. A request is logged when its answer
// begins.
func (s *Set) Requests(scope string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Request{}
	for _, r := range s.log {
		if within(r.Scope, scope) {
			found = append(found, r)
		}
	}
	return found
}

// Forget empties the log of what is about scope, or wholly.
func (s *Set) Forget(scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = slices.DeleteFunc(s.log, func(r Request) bool { return within(r.Scope, scope) })
}

// loggingWriter logs the request when its answer begins, so that a client
// that has been answered finds its request in the log.
type loggingWriter struct {
	http.ResponseWriter
	set    *Set
	entry  Request
	logged bool
}

// log logs the request, once.
func (w *loggingWriter) log(status int) {
	if !w.logged {
		w.logged = true
		w.entry.Status = status
		w.set.add(w.entry)
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *loggingWriter) WriteHeader(status int) {
	w.log(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *loggingWriter) Write(p []byte) (int, error) {
	w.log(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what is below.
func (w *loggingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
