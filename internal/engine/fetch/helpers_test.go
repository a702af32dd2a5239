package fetch_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// canary stands in every value of the tests that look at errors.
const canary = "canary-7f3a"

var vault = delivery.StoreRef{Kind: "ClusterSecretStore", Name: "vault"}

// crowd counts those who are at something at once.
type crowd struct {
	mu        sync.Mutex
	now, most int
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

// memory is a Reader over a map. Keys in fail fail with their error.
type memory struct {
	mu      sync.Mutex
	objects map[delivery.ObjectRef]fetch.Object
	docs    map[string]backend.Document
	fail    map[string]error
	reads   []backend.Ref
	// before, if set, is called before each read.
	before func(ctx context.Context, key string) error
}

func (m *memory) Read(ctx context.Context, _ delivery.StoreRef, ref backend.Ref) (backend.Document, error) {
	m.mu.Lock()
	m.reads = append(m.reads, ref)
	m.mu.Unlock()
	if m.before != nil {
		if err := m.before(ctx, ref.Key); err != nil {
			return backend.Document{}, err
		}
	}
	if err := m.fail[ref.Key]; err != nil {
		return backend.Document{}, err
	}
	key := ref.Key
	if ref.Version != "" {
		key += "@" + ref.Version
	}
	if ref.Metadata {
		key += "#meta"
	}
	doc, ok := m.docs[key]
	if !ok {
		return backend.Document{}, &backend.Error{Kind: backend.NotFound, Message: "it does not exist"}
	}
	return doc, nil
}

func (m *memory) Object(_ context.Context, ref delivery.ObjectRef) (fetch.Object, error) {
	obj, ok := m.objects[ref]
	if !ok {
		return fetch.Object{}, &delivery.Error{Kind: delivery.SourceMissing, Message: ref.String() + " does not exist"}
	}
	return obj, nil
}

// Unseal opens what was sealed by writing "sealed:" in front.
func (m *memory) Unseal(_ context.Context, s delivery.Sealed) (secret.Data, string, error) {
	out := secret.Data{}
	for key, text := range s.Entries {
		plain, ok := strings.CutPrefix(text, "sealed:")
		if !ok {
			return nil, "", &delivery.Error{Kind: delivery.Refused, Message: "cannot be opened: " + key}
		}
		out[key] = secret.NewString(plain)
	}
	return out, "key", nil
}

func (m *memory) Find(_ context.Context, _ delivery.StoreRef, q backend.Query) ([]backend.Ref, error) {
	if err := m.fail["find:"+q.Name]; err != nil {
		return nil, err
	}
	re := regexp.MustCompile(q.Name)
	var refs []backend.Ref
	for _, key := range slices.Sorted(maps.Keys(m.docs)) {
		if strings.HasPrefix(key, q.Path) && re.MatchString(key) {
			refs = append(refs, backend.Ref{Key: key})
		}
	}
	return refs, nil
}

func doc(value string) backend.Document {
	return backend.Document{Value: secret.NewString(value)}
}

// store is a Reader with documents given as key, value, key, value.
func store(kv ...string) *memory {
	m := &memory{docs: map[string]backend.Document{}, fail: map[string]error{}}
	for i := 0; i < len(kv); i += 2 {
		m.docs[kv[i]] = doc(kv[i+1])
	}
	return m
}

func value(into, key, property string) delivery.Source {
	return delivery.Source{
		Field: "spec.data[0]", Store: vault, Take: delivery.TakeValue, Into: into,
		Remote: delivery.Remote{Key: key, Property: property},
	}
}

func extract(key, property string, rewrites ...delivery.Rewrite) delivery.Source {
	return delivery.Source{
		Field: "spec.dataFrom[0]", Store: vault, Take: delivery.TakeMap,
		Remote: delivery.Remote{Key: key, Property: property}, Rewrites: rewrites,
	}
}

func found(name string, rewrites ...delivery.Rewrite) delivery.Source {
	return delivery.Source{
		Field: "spec.dataFrom[0]", Store: vault, Take: delivery.TakeFound,
		Search: delivery.Search{Name: name}, Rewrites: rewrites,
	}
}

func regex(source, target string) delivery.Rewrite {
	return delivery.Rewrite{Regexp: &delivery.RewriteRegexp{Source: source, Target: target}}
}

func transform(text string) delivery.Rewrite {
	return delivery.Rewrite{Transform: &delivery.RewriteTransform{Template: text}}
}

func run(t *testing.T, r fetch.Reader, opts fetch.Options, sources ...delivery.Source) (map[string]string, error) {
	t.Helper()
	got, err := fetch.Fetch(t.Context(), r, sources, opts)
	if err != nil && got.Data != nil {
		t.Error("data beside an error")
	}
	return text(got.Data), err
}

func text(data secret.Data) map[string]string {
	out := map[string]string{}
	for k, v := range data {
		out[k] = string(v.Reveal())
	}
	return out
}

func wantData(t *testing.T, got map[string]string, err error, want map[string]string) {
	t.Helper()
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

// wantError checks kind and text, and that no value is in it.
func wantError(t *testing.T, err error, kind delivery.ErrorKind, message string) {
	t.Helper()
	var e *delivery.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *delivery.Error", err)
	}
	if e.Kind != kind {
		t.Errorf("kind %s, want %s (%s)", e.Kind, kind, e.Message)
	}
	if !strings.Contains(e.Message, message) {
		t.Errorf("message %q does not contain %q", e.Message, message)
	}
	if strings.Contains(e.Message, canary) {
		t.Errorf("message %q holds a value", e.Message)
	}
}
