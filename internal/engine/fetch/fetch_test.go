package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch"
	"github.com/tacit-secrets/tacit/internal/secret"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	r := store(
		"app/db", `{"user":"app","port":5432,"tags":{"a":"b"},"gone":null,"bin/key":"x"}`,
		"app/db@2", `{"user":"old"}`,
		"app/db#meta", `{"owner":"team"}`,
		"raw", "just text",
		"nested", `{"config":{"host":"h","on":true},"json":"{\"k\":\"v\"}"}`,
		"empty", `{}`,
	)
	r.docs["k8s"] = backend.Document{
		Value:  secret.NewString(`{"a":"1"}`),
		Fields: secret.Data{"a": secret.New([]byte{0xff, 0}), "b": secret.NewString(`{"c":"d"}`)},
	}
	versioned, meta := value("u", "app/db", "user"), value("o", "app/db", "owner")
	versioned.Remote.Version = "2"
	meta.Remote.Metadata = true
	for name, c := range map[string]struct {
		sources []delivery.Source
		want    map[string]string
	}{
		"nothing":        {nil, map[string]string{}},
		"whole value":    {[]delivery.Source{value("v", "raw", "")}, map[string]string{"v": "just text"}},
		"whole JSON":     {[]delivery.Source{value("v", "app/db@2", "")}, map[string]string{"v": `{"user":"old"}`}},
		"property":       {[]delivery.Source{value("v", "app/db", "port")}, map[string]string{"v": "5432"}},
		"version":        {[]delivery.Source{versioned}, map[string]string{"u": "old"}},
		"metadata":       {[]delivery.Source{meta}, map[string]string{"o": "team"}},
		"all properties": {[]delivery.Source{extract("app/db", "")}, map[string]string{"user": "app", "port": "5432", "tags": `{"a":"b"}`, "gone": "", "bin_key": "x"}},
		"nested object":  {[]delivery.Source{extract("nested", "config")}, map[string]string{"host": "h", "on": "true"}},
		"object in text": {[]delivery.Source{extract("nested", "json")}, map[string]string{"k": "v"}},
		"fields":         {[]delivery.Source{extract("k8s", "")}, map[string]string{"a": "\xff\x00", "b": `{"c":"d"}`}},
		"in a field":     {[]delivery.Source{extract("k8s", "b")}, map[string]string{"c": "d"}},
		"no properties":  {[]delivery.Source{extract("empty", "")}, map[string]string{}},
		"later wins":     {[]delivery.Source{extract("app/db@2", ""), value("user", "raw", "")}, map[string]string{"user": "just text"}},
		"found":          {[]delivery.Source{found("^(raw|empty)$")}, map[string]string{"raw": "just text", "empty": "{}"}},
		"nothing found":  {[]delivery.Source{found("^nope$")}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t, r, fetch.Options{}, c.sources...)
			wantData(t, got, err, c.want)
		})
	}
}

func TestFetchErrors(t *testing.T) {
	t.Parallel()
	r := store("app/db", `{"password":"`+canary+`"}`, "text", canary, "list", `["`+canary+`"]`, "null", "null", "cut", `{"password":"`+canary)
	badKey := value("no key", "text", "")
	for name, c := range map[string]struct {
		src     delivery.Source
		kind    delivery.ErrorKind
		message string
	}{
		"no property":         {value("p", "app/db", "pass"), delivery.PropertyMissing, `spec.data[0]: ClusterSecretStore "vault", key "app/db", property "pass": no such property`},
		"no secret":           {value("p", "nope", ""), delivery.SourceMissing, `spec.data[0]: ClusterSecretStore "vault", key "nope": it does not exist`},
		"property of no JSON": {value("p", "text", "x"), delivery.PropertyMissing, "no such property"},
		"extract text":        {extract("text", ""), delivery.Malformed, `key "text": its value is not JSON`},
		"extract a list":      {extract("list", ""), delivery.Malformed, "not an object"},
		"extract null":        {extract("null", ""), delivery.Malformed, "not an object"},
		"extract a cut value": {extract("cut", ""), delivery.Malformed, "is not JSON"},
		"extract a string":    {extract("app/db", "password"), delivery.Malformed, "is not JSON"},
		"invalid key":         {badKey, delivery.Invalid, `the key "no key" has characters`},
		"path too greedy":     {value("p", "app/db", strings.Repeat("@tostr|", 60)+"a"), delivery.Invalid, "modifiers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t, r, fetch.Options{}, c.src)
			wantError(t, err, c.kind, c.message)
		})
	}
}

func TestFetchMapsBackendErrors(t *testing.T) {
	t.Parallel()
	for kind, want := range map[backend.Kind]delivery.ErrorKind{
		backend.NotFound: delivery.SourceMissing, backend.Refused: delivery.Refused,
		backend.Throttled: delivery.Throttled, backend.Unavailable: delivery.Unavailable,
		backend.Malformed: delivery.Malformed, backend.Misconfigured: delivery.Misconfigured,
		backend.Unsupported: delivery.Unsupported, "unheard of": delivery.Unavailable,
	} {
		r := store()
		r.fail["k"] = fmt.Errorf("outer: %w", &backend.Error{Kind: kind, Message: "its own words", RetryAfter: time.Minute})
		r.fail["find:x"] = r.fail["k"]
		for _, src := range []delivery.Source{value("v", "k", "p"), extract("k", ""), found("x")} {
			_, err := run(t, r, fetch.Options{}, src)
			wantError(t, err, want, ": its own words")
			var e *delivery.Error
			if errors.As(err, &e) && e.RetryAfter != time.Minute {
				t.Errorf("%s: RetryAfter %s", kind, e.RetryAfter)
			}
		}
	}
}

func TestFetchKeepsOtherErrors(t *testing.T) {
	t.Parallel()
	r := store()
	r.fail["store"] = &delivery.Error{Kind: delivery.StoreNotReady, Message: `ClusterSecretStore "vault" is not ready`}
	_, err := run(t, r, fetch.Options{SkipMissing: true}, value("v", "store", ""))
	wantError(t, err, delivery.StoreNotReady, `spec.data[0]: ClusterSecretStore "vault" is not ready`)

	r.fail["odd"] = errors.New("it says " + canary)
	_, err = run(t, r, fetch.Options{}, value("v", "odd", ""))
	wantError(t, err, delivery.Unavailable, `key "odd": failed`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, sources := range [][]delivery.Source{{value("v", "a", "")}, {value("v", "a", ""), value("w", "b", "")}} {
		r := store("a", "1", "b", "2")
		r.before = func(ctx context.Context, _ string) error { return ctx.Err() }
		_, err = fetch.Fetch(ctx, r, sources, fetch.Options{})
		wantError(t, err, delivery.Unavailable, "interrupted")
		if !errors.Is(err, context.Canceled) {
			t.Error("the context's error is lost")
		}
	}
}

func TestFetchSkipsWhatIsMissing(t *testing.T) {
	t.Parallel()
	r := store("there", `{"a":"1"}`)
	skip := fetch.Options{SkipMissing: true}
	got, err := run(t, r, skip, extract("gone", ""), value("b", "there", "a"), value("c", "gone too", ""))
	wantData(t, got, err, map[string]string{"b": "1"})
	_, err = run(t, r, skip, value("b", "there", "nope"))
	wantError(t, err, delivery.PropertyMissing, "no such property")
	r.fail["down"] = &backend.Error{Kind: backend.Unavailable, Message: "connection refused"}
	_, err = run(t, r, skip, value("b", "down", ""))
	wantError(t, err, delivery.Unavailable, "connection refused")
}

func TestFoundAndThenGoneIsNotFound(t *testing.T) {
	t.Parallel()
	r := store("a", "1", "b", "2", "c", "3")
	r.fail["b"] = &backend.Error{Kind: backend.NotFound, Message: "deleted"}
	got, err := run(t, r, fetch.Options{}, found(""))
	wantData(t, got, err, map[string]string{"a": "1", "c": "3"})
	r.fail["b"] = &backend.Error{Kind: backend.Refused, Message: "permission denied"}
	_, err = run(t, r, fetch.Options{}, found(""))
	wantError(t, err, delivery.Refused, `spec.dataFrom[0]: ClusterSecretStore "vault", find, key "b": permission denied`)
}

func TestFetchReadsOnce(t *testing.T) {
	t.Parallel()
	r := store("k", `{"a":"1","b":"2","c":"3"}`)
	got, err := run(t, r, fetch.Options{}, value("x", "k", "a"), value("y", "k", "b"), extract("k", ""), value("z", "k", "c"))
	wantData(t, got, err, map[string]string{"x": "1", "y": "2", "z": "3", "a": "1", "b": "2", "c": "3"})
	if len(r.reads) != 1 {
		t.Errorf("%d reads of one key", len(r.reads))
	}
}

func TestFetchIsBounded(t *testing.T) {
	t.Parallel()
	var kv []string
	var sources []delivery.Source
	for i := range 40 {
		key := fmt.Sprintf("k%02d", i)
		kv = append(kv, key, strings.Repeat(canary, 10))
		sources = append(sources, value(key, key, ""))
	}
	r := store(kv...)
	var reads crowd
	arrived := make(chan struct{}, 100)
	var once sync.Once
	full := make(chan struct{})
	r.before = func(context.Context, string) error {
		reads.enter()
		defer reads.leave()
		arrived <- struct{}{}
		if len(arrived) >= 3 {
			once.Do(func() { close(full) })
		}
		<-full // so that as many as may run do run
		return nil
	}
	if _, err := run(t, r, fetch.Options{Parallel: 3}, sources...); err != nil {
		t.Fatal(err)
	}
	if reads.most != 3 {
		t.Errorf("%d reads at once, want 3", reads.most)
	}
	_, err := run(t, r, fetch.Options{MaxBytes: 4000}, sources...)
	wantError(t, err, delivery.Malformed, "more than 4000 bytes")
}

// The first failure in order is reported, though a later one comes first.
func TestFetchReportsTheFirstFailure(t *testing.T) {
	t.Parallel()
	began, late, first := make(chan struct{}), make(chan struct{}), make(chan context.Context, 1)
	r := store()
	r.fail["second"] = &backend.Error{Kind: backend.Refused, Message: "permission denied"}
	r.before = func(ctx context.Context, key string) error {
		switch key {
		case "first":
			first <- ctx
			<-late
			if ctx.Err() != nil {
				t.Error("a failure cancelled a read before it")
			}
		case "second":
			<-began // after its failure nothing more would begin
		case "third":
			close(began)
			<-ctx.Done() // the second's failure cancels it
			close(late)
			<-(<-first).Done() // the first has failed, so this is the last to end
			return ctx.Err()
		}
		return nil
	}
	_, err := run(t, r, fetch.Options{}, value("a", "first", ""), value("b", "second", ""), value("c", "third", ""))
	wantError(t, err, delivery.SourceMissing, `key "first"`)
}

func TestAnObjectIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	ref := delivery.ObjectRef{Kind: "Secret", Namespace: "a", Name: "tls"}
	r := &memory{objects: map[delivery.ObjectRef]fetch.Object{ref: {
		Data: secret.Data{"tls.key": secret.NewString("k")}, Type: "kubernetes.io/tls", Version: "7", Labels: map[string]string{"l": "1"},
	}}}
	src := delivery.Source{Field: "spec.source", Take: delivery.TakeObject, Object: ref}
	got, err := fetch.Fetch(t.Context(), r, []delivery.Source{src}, fetch.Options{})
	if err != nil || text(got.Data)["tls.key"] != "k" || got.Version != "7" || got.Object.Type != "kubernetes.io/tls" ||
		got.Object.Labels["l"] != "1" || got.Object.Data != nil {
		t.Errorf("%+v, %v", got, err)
	}
	src.Object.Name = "other"
	if _, err = fetch.Fetch(t.Context(), r, []delivery.Source{src}, fetch.Options{}); delivery.KindOf(err) != delivery.SourceMissing ||
		!strings.Contains(err.Error(), "Secret a/other does not exist") {
		t.Errorf("of nothing: %v", err)
	}
}

func TestSealedDataIsOpened(t *testing.T) {
	t.Parallel()
	sealed := func(field string, entries map[string]string) delivery.Source {
		return delivery.Source{Field: field, Take: delivery.TakeSealed, Sealed: delivery.Sealed{Entries: entries}}
	}
	one := sealed("spec.one", map[string]string{"a": "sealed:1", "b": "sealed:" + canary})
	two := sealed("spec.two", map[string]string{"a": "sealed:2"})
	got, err := run(t, store(), fetch.Options{}, one, two)
	wantData(t, got, err, map[string]string{"a": "2", "b": canary})

	bad := sealed("spec.bad", map[string]string{"c": canary})
	_, err = run(t, store(), fetch.Options{}, one, bad)
	wantError(t, err, delivery.Refused, "spec.bad: cannot be opened: c")

	_, err = run(t, store(), fetch.Options{}, sealed("spec.keys", map[string]string{"a/b": "sealed:1"}))
	wantError(t, err, delivery.Invalid, `spec.keys: the key "a/b" has characters`)

	_, err = run(t, store(), fetch.Options{MaxBytes: 10}, one)
	wantError(t, err, delivery.Malformed, "spec.one: there is more than 10 bytes")

	got, err = run(t, store(), fetch.Options{}, sealed("spec.none", nil))
	wantData(t, got, err, map[string]string{})
}
