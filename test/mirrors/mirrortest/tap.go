package mirrortest

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Call is a request to the API server.
type Call struct{ Method, Path, Query, Accept string }

// Writes reports that it asks for a change.
func (c Call) Writes() bool { return c.Method != http.MethodGet }

// OnSecrets reports that it is about Secrets.
func (c Call) OnSecrets() bool {
	return strings.HasPrefix(c.Path, "/api/v1/") && strings.Contains(c.Path+"/", "/secrets/")
}

// Of reports that it is about one Secret, or with no name about any of the
// namespace.
func (c Call) Of(namespace, name string) bool {
	all := "/api/v1/namespaces/" + namespace + "/secrets"
	return c.Path == all+"/"+name || name == "" && strings.HasPrefix(c.Path, all)
}

// Tap stands between an operator and the API server: it writes every request
// down, and can cut some off before they reach it.
type Tap struct {
	mu    sync.Mutex
	calls []Call
	cut   func(Call) bool
}

// Into returns a configuration whose requests go through the tap.
func (p *Tap) Into(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return way{p, next} })
	return cfg
}

// Cut cuts off what matches from now on; nil cuts nothing.
func (p *Tap) Cut(match func(Call) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = match
}

// Calls returns those that match so far.
func (p *Tap) Calls(match func(Call) bool) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Call
	for _, c := range p.calls {
		if match(c) {
			out = append(out, c)
		}
	}
	return out
}

type way struct {
	*Tap
	next http.RoundTripper
}

var errCut = errors.New("cut off by the test")

// RoundTrip implements http.RoundTripper.
func (w way) RoundTrip(r *http.Request) (*http.Response, error) {
	c := Call{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Accept")}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	cut := w.cut != nil && w.cut(c)
	w.mu.Unlock()
	if cut {
		return nil, errCut
	}
	return w.next.RoundTrip(r)
}
