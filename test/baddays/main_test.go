// Package baddays holds the tests of what must not happen: what is promised
// when stores, manifests, the API server or the operator itself fail.
package baddays

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

// TestMain lets more tests run at a time than there are processors: most of
// the time they wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	operatortest.Main(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// app delivers one key of Vault, under a deletion policy. Its template, empty
// as it is, keeps the annotations of the object out of the Secret.
func app(deletion string) string {
	return strings.ReplaceAll(`
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  target: {deletionPolicy: DELETION, template: {}}
  data:
  - secretKey: password
    remoteRef: {key: $NS/db, property: password}
`, "DELETION", deletion)
}

// untouched asserts that the Secret is the very one that it was.
func untouched(b *operatortest.Bed, before *corev1.Secret) {
	b.T.Helper()
	now := b.Secret(before.Name)
	switch {
	case now == nil:
		b.T.Errorf("Secret %s is gone; %s", before.Name, b.States())
	case now.UID != before.UID || now.ResourceVersion != before.ResourceVersion || !maps.EqualFunc(now.Data, before.Data, bytes.Equal):
		b.T.Errorf("Secret %s was written: version %s became %s; %s", before.Name, before.ResourceVersion, now.ResourceVersion, b.States())
	}
}

// call is one request to the API server, and the status that came back; 0 if
// none has.
type call struct {
	Method, Path, Query string
	Status              int
}

func (c call) succeeded() bool { return c.Status/100 == 2 }

func (c call) writes() bool { return c.Method != http.MethodGet }

// onSecrets reports a request for Secrets of any namespace.
func (c call) onSecrets() bool {
	return strings.Contains(c.Path+"/", "/secrets/") && strings.HasPrefix(c.Path, "/api/v1/")
}

func (c call) watches() bool { return strings.Contains(c.Query, "watch=true") }

// tap stands between an operator and the API server: it writes every request
// down and can break some.
type tap struct {
	mu    sync.Mutex
	calls []*call
	// before and after may fail a request, which then did not reach the API
	// server, or did and its answer was lost.
	before, after func(*http.Request) error
}

var errCut = errors.New("connection cut by the test")

func (p *tap) config(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) { return p.pass(next, r) })
	})
	return cfg
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *tap) pass(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	made := &call{r.Method, r.URL.Path, r.URL.RawQuery, 0}
	p.calls = append(p.calls, made)
	before, after := p.before, p.after
	p.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return nil, err
		}
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		p.mu.Lock()
		made.Status = resp.StatusCode
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

// set replaces the faults.
func (p *tap) set(before, after func(*http.Request) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after = before, after
}

// which returns the calls that match.
func (p *tap) which(match func(call) bool) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []call
	for _, c := range p.calls {
		if match(*c) {
			out = append(out, *c)
		}
	}
	return out
}

func (p *tap) secretWrites() []call {
	return p.which(func(c call) bool { return c.writes() && c.onSecrets() })
}

func (p *tap) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// ours leaves the stores of a manifest to the operators of a class that is
// called as the namespace, so that the operator which most tests share does
// not serve them.
func ours(manifest string) string {
	return strings.ReplaceAll(manifest, "spec:\n  provider:", "spec:\n  controller: $NS\n  provider:")
}

// throughTap has an operator of the namespace's class talk through the tap.
func throughTap(b *operatortest.Bed, p *tap) func(*operator.Options) {
	return func(o *operator.Options) {
		o.Namespaces, o.Class = []string{b.NS}, b.NS
		o.Config = p.config(o.Config)
	}
}

// ranSince pokes the object and waits until that has been dealt with.
func ranSince(b *operatortest.Bed, name string) {
	b.T.Helper()
	before := b.ExternalSecret(name).Status.SyncedResourceVersion
	b.Poke(name)
	b.Eventually(func() error {
		if b.ExternalSecret(name).Status.SyncedResourceVersion != before {
			return nil
		}
		return fmt.Errorf("not synced again; %s", b.States())
	})
	b.Synced(name)
}

// create makes an object of the test's own.
func create(b *operatortest.Bed, s *corev1.Secret) *corev1.Secret {
	b.T.Helper()
	s.Namespace = b.NS
	must(b.T, b.Create(context.Background(), s))
	return s
}
