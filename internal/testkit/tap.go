package testkit

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Call is one request to the API server, and the status that came back; 0 if
// none has.
type Call struct {
	Method, Path, Query string
	Status              int
}

// Succeeded reports that the API server did what it was asked.
func (c Call) Succeeded() bool { return c.Status/100 == 2 }

// Writes reports that the request was for a change. Who asks what he may do
// posts, and changes nothing.
func (c Call) Writes() bool { return c.Method != http.MethodGet && !c.On("selfsubjectaccessreviews") }

// On reports that the request was for objects of a resource such as "secrets",
// of any namespace.
func (c Call) On(resource string) bool { return strings.Contains(c.Path+"/", "/"+resource+"/") }

// OnSecrets reports a request for Secrets of any namespace, but for the one that
// the operator makes for itself.
func (c Call) OnSecrets() bool {
	const own = "fieldManager=tacit" // of nothing else that it makes
	return c.On("secrets") && strings.HasPrefix(c.Path, "/api/v1/") && c.Query != own
}

// Watches reports a request for a watch.
func (c Call) Watches() bool { return strings.Contains(c.Query, "watch=true") }

// ErrCut is what a test lets a request fail with.
var ErrCut = errors.New("connection cut by the test")

// Answer is what a test lets a request fail with that the API server answers
// so. It is an error.
type Answer struct {
	Status int
	Body   string // JSON
}

func (a Answer) Error() string { return http.StatusText(a.Status) }

// Tap stands between an operator and the API server: it writes every request
// down and can break some. The zero Tap breaks none.
type Tap struct {
	mu            sync.Mutex
	calls         []*Call
	before, after func(*http.Request) error
	watches       []io.Closer
}

// Config is cfg with the tap in its way.
func (p *Tap) Config(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) { return p.pass(next, r) })
	})
	return cfg
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *Tap) pass(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	made := &Call{r.Method, r.URL.Path, r.URL.RawQuery, 0}
	p.calls = append(p.calls, made)
	before, after := p.before, p.after
	p.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return refusal(r, err)
		}
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		p.mu.Lock()
		made.Status = resp.StatusCode
		if made.Watches() {
			p.watches = append(p.watches, resp.Body)
		}
		p.mu.Unlock()
	}
	if after != nil && err == nil {
		if lost := after(r); lost != nil {
			_ = resp.Body.Close()
			return nil, lost
		}
	}
	return resp, err
}

// refusal is how a request fails that must not reach the API server.
func refusal(r *http.Request, err error) (*http.Response, error) {
	var a Answer
	if !errors.As(err, &a) {
		return nil, err
	}
	return &http.Response{
		Request: r, StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(a.Body)),
	}, nil
}

// CutWatches ends all watches that are under way.
func (p *Tap) CutWatches() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.watches {
		_ = w.Close()
	}
	p.watches = nil
}

// Set replaces the faults: either may fail a request, which then did not reach
// the API server (before), or did and its answer was lost (after).
func (p *Tap) Set(before, after func(*http.Request) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after = before, after
}

// Which returns the calls that match.
func (p *Tap) Which(match func(Call) bool) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Call
	for _, c := range p.calls {
		if match(*c) {
			out = append(out, *c)
		}
	}
	return out
}

// SecretWrites returns the calls that were to change a Secret.
func (p *Tap) SecretWrites() []Call {
	return p.Which(func(c Call) bool { return c.Writes() && c.OnSecrets() })
}

// Reset forgets the calls.
func (p *Tap) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}
