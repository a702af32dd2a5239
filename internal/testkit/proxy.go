package testkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands in front of a server and breaks what passes through it. It
// speaks plain HTTP to its clients.
type Proxy struct {
	// URL is the proxy's own address.
	URL string

	server  *http.Server
	reverse *httputil.ReverseProxy

	mu     sync.Mutex
	fault  Fault
	counts map[string]int
}

// StartProxy starts a proxy in front of target, a base URL. caCert is the PEM
// that it trusts if target is HTTPS; nil means the system's roots.
func StartProxy(target string, caCert []byte) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if to.Scheme == "" || to.Host == "" {
		return nil, fmt.Errorf("the proxy's target %q is no base URL such as http://127.0.0.1:8200", target)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	if caCert != nil {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(caCert) {
			return nil, fmt.Errorf("the CA for %s holds no PEM certificate", target)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0) // what breaks here is meant to
	p := &Proxy{URL: "http://" + listener.Addr().String(), counts: map[string]int{}}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: modify,
		Transport:      transport,
		FlushInterval:  -1, // watches pass through as they come
		ErrorLog:       quiet,
		// A target that is gone looks the same with the proxy as without.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}
	p.server = &http.Server{Handler: p, ErrorLog: quiet}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// NewProxy is StartProxy for a test, which closes it when it ends.
func NewProxy(t testing.TB, target string, caCert []byte) *Proxy {
	t.Helper()
	p, err := StartProxy(target, caCert)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Close stops the proxy and cuts every connection.
func (p *Proxy) Close() {
	_ = p.server.Close()
	p.reverse.Transport.(*http.Transport).CloseIdleConnections()
}

// Set replaces the fault that requests suffer from now on.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Counts are the requests by path since the start or the last ResetCounts,
// those that suffered the fault among them.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// ResetCounts starts counting anew.
func (p *Proxy) ResetCounts() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.counts)
}

// faultKey is where a request's context holds the fault that it met when it
// came in.
type faultKey struct{}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.counts[r.URL.Path]++
	fault := p.fault
	p.mu.Unlock()
	if !fault.hits(r) {
		fault = None
	}
	if fault.before != nil && fault.before(w, r) {
		return
	}
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), faultKey{}, fault)))
}

// modify is the part of a fault that changes answers.
func modify(r *http.Response) error {
	if fault, _ := r.Request.Context().Value(faultKey{}).(Fault); fault.after != nil {
		fault.after(r)
	}
	return nil
}
