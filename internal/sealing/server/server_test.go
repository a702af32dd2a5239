package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// pair is a key with its certificate.
type pair struct {
	key  sealing.Key
	cert sealing.Certificate
}

// pairs are small, so that the tests are fast: two of this cluster, the older
// first, and one of another.
var pairs = sync.OnceValue(func() [3]pair {
	var out [3]pair
	for i := range out {
		key, cert, err := sealing.Generate(2048, time.Date(2026, time.Month(i+1), 1, 0, 0, 0, 0, time.UTC), 10*365*24*time.Hour)
		if err != nil {
			panic(err)
		}
		out[i] = pair{key, cert}
	}
	return out
})

func certPEM(i int) string {
	p := pairs()[i]
	return string(p.cert.PEM())
}

// cluster is where the first two of the pairs are kept.
type cluster struct{ of []pair }

func (c cluster) List(_ context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	out := &corev1.SecretList{}
	for i, p := range c.of {
		if opts.FieldSelector != "" {
			break // none of before keys had labels
		}
		out.Items = append(out.Items, corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("key-", i), Labels: map[string]string{sealing.KeyLabel: sealing.KeyActive}},
			Data:       map[string][]byte{"tls.key": p.key.PEM().Reveal(), "tls.crt": p.cert.PEM()},
		})
	}
	return out, nil
}

func (cluster) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, errors.New("nobody watches")
}

func (cluster) Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error) {
	return nil, errors.New("nobody makes keys")
}

func keyring(t testing.TB, of ...pair) sealing.Discreet {
	t.Helper()
	r := sealing.NewKeyring(cluster{of}, sealing.Options{})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Discreet()
}

// bench is a server under test with its log.
type bench struct {
	http.Handler
	log bytes.Buffer
}

func serve(keys server.Keys, change func(*server.Options)) *bench {
	b := &bench{}
	o := server.Options{
		Keys: keys, Kind: sealedsecrets.SealedSecrets(), Rate: 1e6, Burst: 1e6,
		Log: logr.FromSlogHandler(slog.NewJSONHandler(&b.log, &slog.HandlerOptions{Level: slog.Level(-10)})),
	}
	if change != nil {
		change(&o)
	}
	b.Handler = server.New(o).Handler()
	return b
}

func ours(t testing.TB) *bench {
	t.Helper()
	return serve(keyring(t, pairs()[0], pairs()[1]), nil)
}

func (b *bench) ask(method, path string, body io.Reader) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	b.ServeHTTP(out, httptest.NewRequest(method, path, body))
	return out
}

func (b *bench) post(path, body string) *httptest.ResponseRecorder {
	return b.ask(http.MethodPost, path, strings.NewReader(body))
}

// wants checks an answer: its code, its parts, and that a refusal is in the
// form that kubeseal shows to its user.
func wants(t *testing.T, got *httptest.ResponseRecorder, code int, parts ...string) {
	t.Helper()
	if got.Code != code || got.Header().Get("Server") != "tacit" {
		t.Errorf("%q answers %d, want %d: %s", got.Header().Get("Server"), got.Code, code, got.Body)
	}
	says := got.Body.String()
	if got.Code >= 400 {
		var status metav1.Status
		if err := json.Unmarshal(got.Body.Bytes(), &status); err != nil || int(status.Code) != code || status.Kind != "Status" || status.Message == "" ||
			len(status.Details.Causes) != 1 || status.Details.Causes[0].Message != status.Message {
			t.Errorf("refuses with %s: %v", got.Body, err)
		}
		says = status.Message
	}
	for _, p := range parts {
		if !strings.Contains(says, p) {
			t.Errorf("answers %q, want %q in it", says, p)
		}
	}
}

// seal makes an entry for shop/db.
func seal(t testing.TB, scope delivery.SealScope, text string, to ...pair) string {
	t.Helper()
	s := delivery.Sealed{Scope: scope, Namespace: "shop", Name: "db"}
	var certs []sealing.Certificate
	for _, p := range to {
		certs = append(certs, p.cert)
	}
	out, err := sealing.Seal(rand.Reader, certs, s.Label(), secret.NewString(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// manifest is shop/db with one entry and, in its metadata and its template's,
// these annotations.
func manifest(entry, annotations, template string) string {
	return fmt.Sprintf(`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret",
		"metadata":{"name":"db","namespace":"shop","creationTimestamp":null,"annotations":{%s}},
		"spec":{"template":{"metadata":{"name":"db","namespace":"shop","annotations":{%s}},"type":"Opaque","data":{"url":"x-{{ .password }}"}},
		"encryptedData":{"password":%q}},"status":{}}`, annotations, template, entry)
}

const (
	wide          = `"sealedsecrets.bitnami.com/cluster-wide":"true"`
	namespaceWide = `"sealedsecrets.bitnami.com/namespace-wide":"true"`
)

func TestTheNewestCertificateIsPublished(t *testing.T) {
	t.Parallel()
	got := ours(t).ask(http.MethodGet, "/v1/cert.pem", http.NoBody)
	wants(t, got, http.StatusOK)
	if got.Body.String() != certPEM(1) || got.Header().Get("Content-Type") != "application/x-pem-file" {
		t.Errorf("published: %v %s", got.Header(), got.Body)
	}
	none := serve(keyring(t), nil).ask(http.MethodGet, "/v1/cert.pem", http.NoBody)
	wants(t, none, http.StatusServiceUnavailable, "no key to seal for yet")
	if none.Header().Get("Retry-After") == "" {
		t.Error("nobody is told to try again")
	}
	unread := serve(sealing.NewKeyring(cluster{}, sealing.Options{Namespace: "vault"}).Discreet(), nil).ask(http.MethodGet, "/v1/cert.pem", http.NoBody)
	wants(t, unread, http.StatusServiceUnavailable, "the keys in namespace vault could not be read yet: may the operator list and watch Secrets there?")
}

func TestHealth(t *testing.T) {
	t.Parallel()
	wants(t, serve(sealing.NewKeyring(cluster{}, sealing.Options{}).Discreet(), nil).ask(http.MethodGet, "/healthz", http.NoBody), http.StatusOK, "ok")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	old, other := pairs()[0], pairs()[2]
	strict := seal(t, delivery.SealStrict, "pw", old)
	yaml := "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec: {encryptedData: {password: " + strict + "}}\n---\n"
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"an old key":               {manifest(strict, "", ""), 200, ""},
		"as YAML":                  {yaml, 200, ""},
		"as YAML with ampersands":  {strings.Replace(yaml, "spec: {", "spec: {template: {data: {run: 'x & y && 2*y; rm *.z &z'}}, ", 1), 200, ""},
		"JSON with ampersands":     {manifest(strict, `"a":"&x *x"`, ""), 200, ""},
		"aliases":                  {strings.Replace(yaml, "{name: db", "{labels: {a: &x y, b: *x}, name: db", 1), 400, "aliases"},
		"for a namespace":          {manifest(seal(t, delivery.SealNamespace, "pw", old), namespaceWide, ""), 200, ""},
		"for the cluster":          {manifest(seal(t, delivery.SealCluster, "pw", old), wide, ""), 200, ""},
		"for several clusters":     {manifest(seal(t, delivery.SealStrict, "pw", other, old), "", ""), 200, ""},
		"of another cluster":       {manifest(seal(t, delivery.SealStrict, "pw", other), "", ""), 409, "none of this cluster's keys opens it: it was sealed for another cluster"},
		"of another scope":         {manifest(strict, wide, ""), 409, "was sealed strict"},
		"a scope in the template":  {manifest(seal(t, delivery.SealCluster, "pw", old), "", wide), 409, "cluster-wide"},
		"cut":                      {manifest(strict[:200], "", ""), 409, "cut short"},
		"no base64":                {manifest("no base64!", "", ""), 409, "not base64"},
		"another name":             {strings.ReplaceAll(manifest(strict, "", ""), `"db"`, `"bd"`), 409, "shop/bd"},
		"the deprecated form":      {`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","spec":{"data":"AAAA","encryptedData":null}}`, 422, "spec.data"},
		"nothing":                  {"", 400, "empty"},
		"no document":              {"---\n---\n", 400, "empty"},
		"two documents":            {yaml + yaml, 400, "several documents"},
		"no JSON":                  {`{"kind":`, 400, "neither JSON nor YAML"},
		"a list":                   {`[]`, 400, "no object"},
		"a word":                   {`hello`, 400, "no object"},
		"another kind":             {`{"apiVersion":"v1","kind":"Secret"}`, 400, "no SealedSecret of bitnami.com/v1alpha1"},
		"another version":          {`{"apiVersion":"bitnami.com/v1","kind":"SealedSecret"}`, 400, "no SealedSecret"},
		"kinds that are no words":  {`{"apiVersion":["x"],"kind":{"y":1}}`, 400, "no SealedSecret"},
		"fields of other types":    {`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":7}}`, 400, "no valid SealedSecret"},
		"fields in other cases":    {strings.Replace(manifest(strict, "", ""), `"encryptedData"`, `"EncryptedData"`, 1), 200, ""},
		"entries that are numbers": {strings.Replace(manifest("x", "", ""), `"x"`, "7", 1), 409, "it is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wants(t, ours(t).post("/v1/verify", c.body), c.code, c.says)
		})
	}
}

// rotated is what came back.
type rotated struct {
	Metadata struct {
		Name, Namespace string
		Annotations     map[string]string
	}
	Spec struct {
		EncryptedData map[string]string
		Template      json.RawMessage
	}
	Status json.RawMessage
}

func readBack(t *testing.T, got *httptest.ResponseRecorder) rotated {
	t.Helper()
	wants(t, got, http.StatusOK)
	var out rotated
	if err := json.Unmarshal(got.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// opens checks that the key alone opens the entry under the scope.
func opens(t *testing.T, with pair, scope delivery.SealScope, entry, want string) {
	t.Helper()
	s := delivery.Sealed{Scope: scope, Namespace: "shop", Name: "db"}
	v, _, err := sealing.Open([]sealing.Key{with.key}, s.Label(), entry)
	if err != nil || string(v.Reveal()) != want {
		t.Errorf("opens %s as %q: %v", scope, v.Reveal(), err)
	}
}

func TestRotateSealsForTheNewestKeyAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scope delivery.SealScope
		notes string
	}{
		"strict": {delivery.SealStrict, `"a":"1"`}, "namespace": {delivery.SealNamespace, namespaceWide}, "cluster": {delivery.SealCluster, wide},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := ours(t)
			got := readBack(t, b.post("/v1/rotate", manifest(seal(t, c.scope, "pw", pairs()[0]), c.notes, `"b":"<2>"`)))
			opens(t, pairs()[1], c.scope, got.Spec.EncryptedData["password"], "pw")
			if got.Metadata.Name != "db" || got.Metadata.Namespace != "shop" || len(got.Metadata.Annotations) != 1 {
				t.Errorf("metadata: %+v", got.Metadata)
			}
			const template = `{"data":{"url":"x-{{ .password }}"},"metadata":{"annotations":{"b":"<2>"},"name":"db","namespace":"shop"},"type":"Opaque"}`
			if string(got.Spec.Template) != template || got.Status != nil {
				t.Errorf("template: %s; status: %s", got.Spec.Template, got.Status)
			}
		})
	}
}

// Space at the ends of YAML is a part of it.
func TestRotateTakesYAMLAsItIs(t *testing.T) {
	t.Parallel()
	plain := "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec:\n  encryptedData: {password: " +
		seal(t, delivery.SealStrict, "pw", pairs()[0]) + "}\n  template:\n    data:\n      motd: |+\n        hello\n\n\n"
	for name, body := range map[string]string{
		"as it is":                  plain,
		"behind lines":              "\n\r\n" + plain,
		"indented":                  strings.ReplaceAll("\n"+strings.TrimSuffix(plain, "\n"), "\n", "\n  ") + "\n",
		"JSON behind much space":    strings.Repeat(" \n", 5000) + manifest(seal(t, delivery.SealStrict, "pw", pairs()[0]), "", `"motd":"hello\n\n\n"`) + " \n\n",
		"in braces, with a newline": "\n {apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: {name: db, namespace: shop}, spec: {encryptedData: {}, template: {data: {motd: \"hello\\n\\n\\n\"}}}}\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out := readBack(t, ours(t).post("/v1/rotate", body)); !strings.Contains(string(out.Spec.Template), `"motd":"hello\n\n\n"`) {
				t.Errorf("the template is %s", out.Spec.Template)
			}
		})
	}
	wants(t, ours(t).post("/v1/rotate", " \t\n"), http.StatusBadRequest, "empty")
}

func TestRotateLeavesOutWhatTheServerWrote(t *testing.T) {
	t.Parallel()
	text := strings.Replace(manifest(seal(t, delivery.SealStrict, "pw", pairs()[0]), `"kubectl.kubernetes.io/last-applied-configuration":"{}","a":"1"`, ""),
		`"creationTimestamp":null`, `"creationTimestamp":"2026-01-01T00:00:00Z","uid":"u","resourceVersion":"7","generation":3,"managedFields":[{}],"labels":{"l":"1"}`, 1)
	got := ours(t).post("/v1/rotate", text)
	wants(t, got, http.StatusOK, `"metadata":{"annotations":{"a":"1"},"labels":{"l":"1"},"name":"db","namespace":"shop"}`)
}

// CVE-2026-22728: the original sealed for the scope that the template named.
func TestRotateNeverWidensTheScope(t *testing.T) {
	t.Parallel()
	b := ours(t)
	strict := seal(t, delivery.SealStrict, "pw", pairs()[0])
	for _, template := range []string{wide, namespaceWide} {
		got := readBack(t, b.post("/v1/rotate", manifest(strict, "", template)))
		opens(t, pairs()[1], delivery.SealStrict, got.Spec.EncryptedData["password"], "pw")
		if len(got.Metadata.Annotations) > 0 {
			t.Errorf("the object got %v", got.Metadata.Annotations)
		}
	}
	for _, notes := range []string{wide, namespaceWide} {
		wants(t, b.post("/v1/rotate", manifest(strict, notes, "")), http.StatusConflict, "was sealed strict")
	}
	// Said twice, whichever counts: the values are bound to what opened them.
	twice := strings.Replace(manifest(strict, wide, ""), `"spec"`, `"metadata":{"name":"db","namespace":"shop"},"spec"`, 1)
	if got := b.post("/v1/rotate", twice); got.Code == http.StatusOK {
		opens(t, pairs()[1], delivery.SealStrict, readBack(t, got).Spec.EncryptedData["password"], "pw")
	}
}

func TestRotateKeepsOtherClusters(t *testing.T) {
	t.Parallel()
	got := readBack(t, ours(t).post("/v1/rotate", manifest(seal(t, delivery.SealStrict, "pw", pairs()[0], pairs()[2]), "", "")))
	entry := got.Spec.EncryptedData["password"]
	opens(t, pairs()[1], delivery.SealStrict, entry, "pw")
	opens(t, pairs()[2], delivery.SealStrict, entry, "pw")
}

func TestRotateWithoutEntries(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{`,"spec":null`, `,"spec":{}`, ""} {
		got := ours(t).post("/v1/rotate", `{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret"`+spec+`}`)
		wants(t, got, http.StatusOK, `"encryptedData":{}`)
	}
}

func TestBeforeTheKeysAreRead(t *testing.T) {
	t.Parallel()
	b := serve(sealing.NewKeyring(cluster{}, sealing.Options{Namespace: "keys"}).Discreet(), nil)
	for _, path := range []string{"/v1/verify", "/v1/rotate"} {
		got := b.post(path, manifest("AAAA", "", ""))
		wants(t, got, http.StatusServiceUnavailable, "namespace keys")
		if got.Header().Get("Retry-After") == "" {
			t.Error("nobody is told to try again")
		}
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	t.Parallel()
	b := ours(t)
	for want, requests := range map[int][]string{
		http.StatusMethodNotAllowed: {"GET /v1/verify", "GET /v1/rotate", "POST /v1/cert.pem", "DELETE /v1/cert.pem", "PUT /v1/rotate"},
		http.StatusNotFound:         {"GET /", "GET /metrics", "GET /v1/keys", "POST /v1/", "GET /v2/cert.pem", "GET /debug/pprof/"},
	} {
		for _, request := range requests {
			method, path, _ := strings.Cut(request, " ")
			if got := b.ask(method, path, http.NoBody); got.Code != want {
				t.Errorf("%s: %d, want %d", request, got.Code, want)
			}
		}
	}
}

// broken are keys with a fault of ours.
type broken struct{ server.Keys }

func (broken) Open(context.Context, delivery.Sealed) (secret.Data, error) {
	panic("holding " + fault)
}

func (broken) Reseal(context.Context, io.Reader, delivery.Sealed) (map[string]string, error) {
	return nil, errors.New("about " + fault)
}

const fault = "canary-4b1d"

func TestNothingIsToldOfWhatWasSentOrFailed(t *testing.T) {
	t.Parallel()
	b, faulty := ours(t), serve(broken{}, nil)
	coded := base64.StdEncoding.EncodeToString([]byte(fault))
	var told bytes.Buffer
	for _, path := range []string{"/v1/verify", "/v1/rotate"} {
		for _, body := range []string{
			// A Secret, by mistake, as it is and broken in several ways.
			`{"apiVersion":"v1","kind":"Secret","stringData":{"password":"` + fault + `"}}`,
			`{"kind":"Secret","data":{"password":"` + coded + `"`,
			"kind: Secret\nstringData:\n  password: " + fault + "\n bad: [" + fault,
			"password: *" + fault, fault, `"` + fault + `"`, `{"apiVersion":"` + fault + `","kind":"` + fault + `"}`,
			`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":{"` + fault + `":1}}}`,
			manifest(fault, "", ""), manifest(coded, "", ""),
			manifest(seal(t, delivery.SealStrict, fault, pairs()[2]), "", ""),
			manifest(seal(t, delivery.SealStrict, fault, pairs()[0]), wide, ""),
			manifest(seal(t, delivery.SealStrict, fault, pairs()[0]), "", ""),
		} {
			fmt.Fprintln(&told, b.post(path, body).Body)
		}
		got := faulty.post(path, manifest("AAAA", "", ""))
		wants(t, got, http.StatusInternalServerError)
		fmt.Fprintln(&told, got.Body)
	}
	fmt.Fprintln(&told, b.log.String(), faulty.log.String())
	if !strings.Contains(faulty.log.String(), "failed") {
		t.Error("a fault of ours is not logged")
	}
	for _, form := range []string{fault, coded, fmt.Sprintf("%x", fault)} {
		if strings.Contains(told.String(), form) {
			t.Errorf("told %q in %s", form, told.String())
		}
	}
}
