package baddays

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// nameless is an ExternalSecret with a target of any name.
func nameless(b *operatortest.Bed, target string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
		"metadata": map[string]any{"namespace": b.NS, "name": "target-elsewhere"},
		"spec": map[string]any{
			"secretStoreRef": map[string]any{"name": "fake"}, "target": map[string]any{"name": target},
			"data": []any{map[string]any{"secretKey": "k", "remoteRef": map[string]any{"key": "k"}}},
		},
	}}
}

// TestInputsHaveBounds is promise 14, for what comes from a store.
func TestInputsHaveBounds(t *testing.T) {
	t.Parallel()
	json64 := func(v any) string {
		text, err := json.Marshal(v)
		must(t, err)
		return string(text)
	}
	keys := make([]string, 20_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%05d", i)
	}
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	wide := map[string]any{}
	for i := range 50_000 {
		wide[fmt.Sprint("k", i)] = strings.Repeat("v", 20)
	}
	for name, c := range map[string]struct {
		fault testkit.Fault
		spec  string
		says  string
	}{
		"a body of 5 MiB": {testkit.Status(200, asJSON, `{"data":{"data":{"k":"`+strings.Repeat("x", 5<<20)+`"},"metadata":{"version":1}}}`).OnPrefix("/v1/secret/data"),
			"data: [{secretKey: k, remoteRef: {key: x, property: k}}]", "more than 4 MiB"},
		"an error of 5 MiB": {testkit.Status(500, asJSON, `{"errors":["`+strings.Repeat("x", 5<<20)+`"]}`).OnPrefix("/v1/secret/data"),
			"data: [{secretKey: k, remoteRef: {key: x, property: k}}]", "more than 4 MiB"},
		"a long error": {testkit.Status(500, asJSON, `{"errors":["`+strings.Repeat("x", 60_000)+`"]}`).OnPrefix("/v1/secret/data"),
			"data: [{secretKey: k, remoteRef: {key: x, property: k}}]", "…"},
		"deep JSON": {testkit.Status(200, asJSON, `{"data":{"data":`+deep+`,"metadata":{"version":1}}}`).OnPrefix("/v1/secret/data"),
			"data: [{secretKey: k, remoteRef: {key: x, property: a.a.a}}]", ""},
		"a wide map": {testkit.Status(200, asJSON, `{"data":{"data":`+json64(wide)+`,"metadata":{"version":1}}}`).OnPrefix("/v1/secret/data"),
			"dataFrom: [{extract: {key: x}}]", ""},
		"20,000 keys found": {testkit.Status(200, asJSON, `{"data":{"keys":`+json64(keys)+`}}`).OnPrefix("/v1/secret/metadata"),
			"dataFrom: [{find: {name: {regexp: .}}}]", ""},
		"folders in circles": {testkit.Status(200, asJSON, `{"data":{"keys":["a/","b/"]}}`).OnPrefix("/v1/secret/metadata"),
			"dataFrom: [{find: {name: {regexp: .}}}]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := operatortest.WithShared(t)
			proxy := testkit.NewProxy(t, b.VaultAddr, nil)
			b.VaultAddr = proxy.URL
			proxy.Set(c.fault)
			start := time.Now()
			b.Apply(operatortest.VaultStore + `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault}
  ` + c.spec)
			es := b.Failed("app", c.says)
			if n := len(es.Status.Conditions[0].Message); n > 4096 {
				t.Errorf("the message has %d bytes", n)
			}
			// A run, and those that follow it ever more rarely, from half a second on.
			runs := 1 + bits.Len(uint(time.Since(start)/(time.Second/2)))
			if n := total(proxy.Counts()); n > 12_000*runs {
				t.Errorf("%d calls in %d runs", n, runs)
			}
			if b.Secret("app") != nil {
				t.Error("a Secret came of it")
			}
		})
	}
}

// TestPatternsHaveBounds: what a manifest can say must not stop the operator.
func TestPatternsHaveBounds(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Put("db", map[string]any{"k": strings.Repeat("a", 1000)})
	b.Apply(operatortest.VaultStore)
	specs := map[string]string{
		"find":     fmt.Sprintf("dataFrom: [{find: {path: $NS, name: {regexp: %q}}}]", strings.Repeat("(a{0,1000}){0,1000}", 5)),
		"broken":   "dataFrom: [{find: {path: $NS, name: {regexp: '('}}}]",
		"rewrite":  fmt.Sprintf("dataFrom: [{extract: {key: $NS/db}, rewrite: [{regexp: {source: %q, target: x}}]}]", strings.Repeat("(a{0,1000}){0,1000}", 5)),
		"blow-up":  fmt.Sprintf("dataFrom: [{extract: {key: $NS/db}, rewrite: [%s]}]", strings.TrimSuffix(strings.Repeat("{regexp: {source: '.', target: '$0$0$0$0$0$0$0$0'}},", 20), ",")),
		"property": fmt.Sprintf("data: [{secretKey: k, remoteRef: {key: $NS/db, property: %q}}]", strings.Repeat("k|@pretty|", 200)+"k"),
		"dots":     fmt.Sprintf("data: [{secretKey: k, remoteRef: {key: $NS/db, property: %q}}]", strings.Repeat("k.", 3000)+"x"),
	}
	for name, spec := range specs {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec:
  secretStoreRef: {name: vault}
  %s
`, name, spec))
	}
	for name := range specs {
		b.Failed(name) // without bounds none of them would within a test's patience
	}
}

// TestNothingIsLeftRunning after Run has returned.
func TestNothingIsLeftRunning(t *testing.T) {
	// Not parallel: whatever runs beside would count as left over.
	b := operatortest.WithoutOperator(t)
	b.Put("db", map[string]any{"password": "one"})
	idle := func() {
		for _, rt := range []http.RoundTripper{http.DefaultTransport, http.DefaultClient.Transport} {
			if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
				c.CloseIdleConnections()
			}
		}
	}
	b.Apply(ours(operatortest.VaultStore))
	before := goleak.IgnoreCurrent()
	p := &testkit.Tap{}
	_, stop := b.Operate(throughTap(b, p))
	b.Apply(app("Retain"))
	b.Synced("app")
	b.Event("app", "Created")
	stop()
	idle()
	b.Eventually(func() error { // what ends may take its time; what leaks stays
		return goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"), goleak.IgnoreAnyFunction("net/http.(*http2clientConnReadLoop).run"))
	})
}
