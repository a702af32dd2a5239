package kubernetes_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/kubernetes"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

const (
	wait   = 2 * time.Minute
	canary = "canary-77e0"
)

func serve(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server
}

func at(server *httptest.Server) delivery.KubernetesConfig {
	return delivery.KubernetesConfig{Server: server.URL, Namespace: "apps", Token: cred("token")}
}

func say(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func failing(code int, reason, details string) http.HandlerFunc {
	return say(code, `{"kind":"Status","status":"Failure","message":"the message","reason":"`+reason+`","details":`+details+`}`)
}

func TestAnswersAreSorted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    backend.Kind
		says    string
	}{
		"absent":           {failing(404, "NotFound", `{"name":"db","kind":"secrets"}`), backend.NotFound, "does not exist"},
		"another absent":   {failing(404, "NotFound", `{"name":"dc","kind":"secrets"}`), backend.Misconfigured, "the message"},
		"no namespace":     {failing(404, "NotFound", `{"name":"apps","kind":"namespaces"}`), backend.Misconfigured, ""},
		"no such resource": {failing(404, "NotFound", `{}`), backend.Misconfigured, ""},
		"no details":       {failing(404, "NotFound", `null`), backend.Misconfigured, ""},
		"HTML 404":         {say(404, "<html>"+canary), backend.Malformed, "HTTP 404"},
		"empty 404":        {say(404, ""), backend.Malformed, ""},
		"unauthorized":     {failing(401, "Unauthorized", `null`), backend.Refused, "the message"},
		"forbidden":        {failing(403, "Forbidden", `{"name":"db","kind":"secrets"}`), backend.Refused, "the message"},
		"throttled":        {say(429, canary, "Retry-After", "3"), backend.Throttled, ""},
		"unavailable":      {say(503, canary), backend.Unavailable, ""},
		"internal error":   {failing(500, "InternalError", `{}`), backend.Unavailable, ""},
		"bad request":      {failing(400, "BadRequest", `{}`), backend.Misconfigured, ""},
		"empty":            {say(200, ""), backend.Malformed, ""},
		"garbage":          {say(200, canary), backend.Malformed, ""},
		"empty object":     {say(200, "{}"), backend.Malformed, ""},
		"another kind":     {say(200, `{"kind":"ConfigMap","metadata":{"name":"db"},"data":{"a":"`+canary+`"}}`), backend.Malformed, ""},
		"another name":     {say(200, `{"kind":"Secret","metadata":{"name":"dc"},"data":{"a":"YQ=="}}`), backend.Malformed, ""},
		"not base64":       {say(200, `{"kind":"Secret","metadata":{"name":"db"},"data":{"a":"`+canary+`%"}}`), backend.Malformed, ""},
		"cut":              {say(200, `{"kind":"Secret","metadata":{"name":"db"},"data":{"a":"`+canary, "Content-Length", "5000"), backend.Malformed, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, at(serve(t, c.handler)), backendtest.Credentials{"token": "t-1"})
			doc, err := b.Read(t.Context(), backend.Ref{Key: "db"})
			if err == nil {
				t.Fatalf("no error but %v", doc)
			}
			if backend.KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v (%s), want %q (%s) without the body", err, backend.KindOf(err), c.says, c.want)
			}
			var e *backend.Error
			if errors.As(err, &e) && e.LoggedOut != (name == "unauthorized") {
				t.Errorf("LoggedOut is %v", e.LoggedOut)
			}
			if name == "throttled" && e.RetryAfter != 3*time.Second {
				t.Errorf("RetryAfter is %v", e.RetryAfter)
			}
		})
	}
}

// TestOperatorsIdentityIsNeverUsed: whatever the operator's own connection
// can authenticate with, a store without an address gets none of it.
func TestOperatorsIdentityIsNeverUsed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Clone())
		if len(r.TLS.PeerCertificates) > 0 {
			t.Error("a client certificate was sent")
		}
		say(200, `{"kind":"Secret","metadata":{"name":"db"},"data":{"a":"YQ=="}}`)(w, r)
	}))
	t.Cleanup(server.Close)
	own := &rest.Config{
		Host: server.URL, BearerToken: canary, BearerTokenFile: "/not/read", Username: canary, Password: canary,
		Impersonate: rest.ImpersonationConfig{UserName: canary},
		TLSClientConfig: rest.TLSClientConfig{
			CAData: pemOf(server.Certificate()), CertData: []byte(canary), KeyData: []byte(canary),
		},
		WrapTransport: func(http.RoundTripper) http.RoundTripper { panic("the operator's own transport is used") },
	}
	cfg := delivery.KubernetesConfig{Namespace: "apps", Token: cred("token")}
	b, err := kubernetes.NewOpener(own)(t.Context(), cfg, backendtest.Credentials{"token": "tenants-own"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(t.Context(), backend.Ref{Key: "db"}); err != nil {
		t.Fatal(err)
	}
	_ = b.Close(t.Context())
	if len(seen) != 1 || seen[0].Get("Authorization") != "Bearer tenants-own" {
		t.Errorf("sent %v", seen)
	}
	text, err := json.Marshal(seen)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("the operator's identity was sent: %s, %v", text, err)
	}
	_, err = kubernetes.NewOpener(own)(t.Context(), delivery.KubernetesConfig{Namespace: "apps"}, nil)
	if backend.KindOf(err) != backend.Misconfigured {
		t.Errorf("without an identity: %v", err)
	}
}

func kubeconfig(cluster, user string) string {
	return `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],` +
		`"clusters":[{"name":"c","cluster":{` + cluster + `}}],"users":[{"name":"u","user":{` + user + `}}]}`
}

func TestKubeconfigMayNotReachOut(t *testing.T) {
	t.Parallel()
	const server = `"server":"https://127.0.0.1:1"`
	for text, says := range map[string]string{
		kubeconfig(server, `"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"sh"}`): "exec",
		kubeconfig(server, `"auth-provider":{"name":"gcp"}`):                                         "auth-provider",
		kubeconfig(server, `"tokenFile":"/var/run/secrets/kubernetes.io/serviceaccount/token"`):      "tokenFile",
		kubeconfig(server, `"client-certificate":"/x","client-key-data":"eA=="`):                     "client-certificate",
		kubeconfig(server, `"client-certificate-data":"eA==","client-key":"/x"`):                     "client-key",
		kubeconfig(server+`,"certificate-authority":"/x"`, `"token":"x"`):                            "certificate-authority",
		kubeconfig(``, `"token":"x"`):                                                                "server",
		kubeconfig(server, `"client-certificate-data":"`+canary):                                     "cannot be read",
		"token: " + canary + ": [":                                                                   "cannot be read",
		`{"kind":"Config","current-context":"nope"}`:                                                 "current-context",
		"": "current-context",
	} {
		cfg := delivery.KubernetesConfig{Kubeconfig: cred("kubeconfig")}
		_, err := kubernetes.NewOpener(nil)(t.Context(), cfg, backendtest.Credentials{"kubeconfig": text})
		if err == nil || backend.KindOf(err) != backend.Misconfigured || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), canary) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	creds := backendtest.Credentials{"token": "x", "canary": canary}
	for name, cfg := range map[string]delivery.KubernetesConfig{
		"no server":        {Token: cred("token")},
		"no identity":      {Server: "https://k"},
		"two identities":   {Server: "https://k", Token: cred("token"), Kubeconfig: cred("canary")},
		"cert without key": {Server: "https://k", ClientCert: cred("canary")},
		"no pair":          {Server: "https://k", ClientCert: cred("canary"), ClientKey: cred("canary")},
		"bad CA":           {Server: "https://k", CABundle: []byte(canary), Token: cred("token")},
		"bad address":      {Server: "https://k:" + canary, Token: cred("token")},
		"password":         {Server: "https://u:" + canary + "@k", Token: cred("token")},
		"bad namespace":    {Server: "https://k", Namespace: "../../" + canary, Token: cred("token")},
		"missing CA":       {Server: "https://k", CA: cred("nowhere"), Token: cred("token")},
	} {
		_, err := kubernetes.NewOpener(nil)(t.Context(), cfg, creds)
		if err == nil || backend.KindOf(err) != backend.Misconfigured || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rotating resolves to another token each time.
type rotating struct {
	mu sync.Mutex
	n  int
}

func (r *rotating) Resolve(context.Context, delivery.Credential) (secret.Value, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return secret.NewString("token-" + strconv.Itoa(r.n)), nil
}

func TestRefusedTokenIsResolvedAnewOnce(t *testing.T) {
	t.Parallel()
	accepted := "Bearer token-1"
	calls := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.Header.Get("Authorization") != accepted {
			failing(401, "Unauthorized", "null")(w, r)
			return
		}
		say(200, `{"kind":"Secret","metadata":{"name":"db"},"data":{}}`)(w, r)
	})
	creds := &rotating{}
	b := open(t, at(server), creds)
	read := func() error {
		_, err := b.Read(t.Context(), backend.Ref{Key: "db"})
		return err
	}
	for range 3 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	if creds.n != 1 || calls != 3 {
		t.Errorf("%d tokens and %d calls for 3 reads", creds.n, calls)
	}
	accepted = "Bearer token-2"
	if err := read(); err != nil || calls != 5 {
		t.Errorf("after the token changed: %v, %d calls", err, calls)
	}
	accepted = ""
	if err := read(); backend.KindOf(err) != backend.Refused || calls != 7 || creds.n != 3 {
		t.Errorf("when no token is accepted: %v, %d calls, %d tokens", err, calls, creds.n)
	}
}

func TestFindReadsPageAfterPage(t *testing.T) {
	t.Parallel()
	var limits []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		limits = append(limits, q.Get("limit"))
		if !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
			t.Errorf("asks for %q", r.Header.Get("Accept"))
		}
		switch {
		case q.Get("limit") == "250":
			say(200, strings.Repeat("x", 5<<20))(w, r)
		case q.Get("continue") == "":
			say(200, `{"kind":"PartialObjectMetadataList","metadata":{"continue":"more"},"items":[{"metadata":{"name":"b"}}]}`)(w, r)
		default:
			say(200, `{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"a"}}]}`)(w, r)
		}
	})
	b := open(t, at(server), backendtest.Credentials{"token": "x"})
	refs, err := b.(backend.Finder).Find(t.Context(), backend.Query{})
	if err != nil || !slices.Equal(refs, []backend.Ref{{Key: "a"}, {Key: "b"}}) {
		t.Errorf("found %v, %v", refs, err)
	}
	if !slices.Equal(limits, []string{"250", "50", "50"}) {
		t.Errorf("pages of %v", limits)
	}
}

func TestCheckIsUndecidedWhereNobodyMayAsk(t *testing.T) {
	t.Parallel()
	b := open(t, at(serve(t, failing(403, "Forbidden", "{}"))), backendtest.Credentials{"token": "x"})
	if err := b.Check(t.Context()); !errors.Is(err, backend.ErrUndecided) {
		t.Errorf("got %v", err)
	}
	b = open(t, at(serve(t, say(201, "{}"))), backendtest.Credentials{"token": "x"})
	if err := b.Check(t.Context()); backend.KindOf(err) != backend.Malformed {
		t.Errorf("an empty review: %v", err)
	}
}

func TestServerMayHaveAPath(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/clusters/a/api/v1/namespaces/apps/secrets/db" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		say(200, `{"kind":"Secret","metadata":{"name":"db"}}`)(w, r)
	})
	cfg := at(server)
	cfg.Server += "/clusters/a/"
	doc, err := open(t, cfg, backendtest.Credentials{"token": "x"}).Read(t.Context(), backend.Ref{Key: "db"})
	if err != nil || string(doc.Value.Reveal()) != "{}" || doc.Fields == nil {
		t.Errorf("%s, %v", doc.Value.Reveal(), err)
	}
}
