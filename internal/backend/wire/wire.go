// Package wire is HTTP as every backend needs it: bodies and time bounded,
// never led to another host, and every failure told as a *backend.Error that
// quotes nothing of what the other side sent.
package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
)

// The bounds of one call.
const (
	MaxBody      = 4 << 20
	Timeout      = 30 * time.Second
	maxRedirects = 3
)

// Client makes HTTP calls to one store.
type Client struct {
	name string
	http *http.Client
}

// Answer is a response, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// NewTransport makes connections with t's trust and certificates. It keeps
// few idle ones, since there is one transport a store, and none for long; and
// none to link-local addresses. A proxy is taken from the environment, as for
// the whole process.
func NewTransport(t *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer().DialContext,
		TLSClientConfig:       t,
		TLSHandshakeTimeout:   10 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Without pings a connection that died silently under HTTP/2 would
		// hold every call until its timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// New makes a Client. The name, such as "Vault at https://vault:8200", is how
// errors call the other side.
func New(name string, rt http.RoundTripper) *Client {
	return &Client{name: name, http: &http.Client{
		Transport: rt, Timeout: Timeout, CheckRedirect: sameHost,
	}}
}

// errElsewhere is a redirect that would carry credentials to another host.
var errElsewhere = errors.New("redirected to another host")

// errCircle is a redirect too many.
var errCircle = errors.New("redirected too often")

func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return errElsewhere
	}
	if len(via) > maxRedirects {
		return errCircle
	}
	return nil
}

// Do sends req and reads the answer, whatever its status. The error is a
// *backend.Error.
func (c *Client) Do(req *http.Request) (Answer, error) {
	resp, err := c.http.Do(req) //nolint:gosec // whoever may make a store chooses its address; its answers are never quoted
	if err != nil {
		return Answer{}, c.failure(req.Context(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := read(resp)
	if err != nil {
		return Answer{}, c.bodyFailure(req.Context(), err)
	}
	return Answer{resp.StatusCode, resp.Header, body}, nil
}

// Close lets go of the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ErrTooLong is the cause where an answer is longer than MaxBody.
var ErrTooLong = errors.New("answer too long")

func read(resp *http.Response) ([]byte, error) {
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= MaxBody {
		buf.Grow(int(n) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(resp.Body, MaxBody+1)); err != nil {
		return nil, err
	}
	if buf.Len() > MaxBody {
		return nil, ErrTooLong
	}
	return buf.Bytes(), nil
}

func (c *Client) bodyFailure(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrTooLong):
		return &backend.Error{Kind: backend.Malformed, Message: c.name + " answered with more than 4 MiB", Err: ErrTooLong}
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil:
		return &backend.Error{Kind: backend.Malformed, Message: "the answer of " + c.name + " was cut off"}
	}
	return c.failure(ctx, err)
}
