package doppler_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/doppler"
	"github.com/tacit-secrets/tacit/internal/credentials"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestSuite(t *testing.T) {
	backendtest.Run(t, backendtest.Harness{
		Prefixes: true, Whole: true,
		New: func(t *testing.T) backendtest.Store { return newProject(t, nil).store(t) },
	})
}

// project is a project that one test has for itself, with a config prd.
type project struct {
	*testkit.Doppler
	name, token string
}

func newProject(t *testing.T, secrets map[string]string) project {
	t.Helper()
	p := project{testkit.SharedClouds(t).Doppler, "p" + strings.ToLower(rand.Text()), ""}
	var err error
	if p.token, err = p.Config(t.Context(), p.name, "prd", secrets); err != nil {
		t.Fatal(err)
	}
	return p
}

// open opens a session with the project's service token.
func (p project) open(t *testing.T, cfg delivery.DopplerConfig) backend.Backend {
	t.Helper()
	cfg.Auth.Token = delivery.Credential{Kind: delivery.FromSecret, Name: "token", Key: "dopplerToken"}
	return p.openAs(t, cfg, backendtest.Credentials{"token": p.token})
}

func (p project) openAs(t *testing.T, cfg delivery.DopplerConfig, creds backend.Credentials) backend.Backend {
	t.Helper()
	if cfg.Host == "" {
		cfg.Host = p.Addr
	}
	b, err := doppler.NewOpener(doppler.Options{Hosts: []string{"127.0.0.1"}})(t.Context(), cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	doppler.Patient(b)
	return b
}

// store is the project as the suite sees it. Doppler's names are in capitals
// and the suite's are not, so it reads them transformed.
func (p project) store(t *testing.T) backendtest.Store {
	t.Helper()
	own := func(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }
	cfg := delivery.DopplerConfig{NameTransformer: "lower-kebab"}
	return backendtest.Store{
		Put: func(key string, item backendtest.Item) {
			value, err := json.Marshal(item.Fields)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Set(t.Context(), p.name, "prd", own(key), string(value)); err != nil {
				t.Fatal(err)
			}
		},
		Delete: func(key string) {
			if err := p.Delete(t.Context(), p.name, "prd", own(key)); err != nil {
				t.Fatal(err)
			}
		},
		Open: func() backend.Backend { return kebab{p.open(t, cfg)} },
		Refused: func() (backend.Backend, string) {
			stranger := p
			stranger.token = "dp.st.prd.nobody-knows-this-token"
			return kebab{stranger.open(t, cfg)}, stranger.token
		},
	}
}

// kebab reads names in the form that they are found in, and finds only those
// that the test wrote.
type kebab struct{ backend.Backend }

func (k kebab) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	if ref.Key != "" && ref.Version == "" {
		ref.Version = "lower-kebab"
	}
	return k.Backend.Read(ctx, ref)
}

func (k kebab) Find(ctx context.Context, q backend.Query) ([]backend.Ref, error) {
	refs, err := k.Backend.(backend.Finder).Find(ctx, q)
	return slices.DeleteFunc(refs, func(ref backend.Ref) bool { return strings.HasPrefix(ref.Key, "doppler-") }), err
}

func read(t *testing.T, b backend.Backend, ref backend.Ref) backend.Document {
	t.Helper()
	doc, err := b.Read(t.Context(), ref)
	if err != nil {
		t.Fatalf("Read(%+v): %v", ref, err)
	}
	return doc
}

func TestUnchangedConfigIsNotSentAgain(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"DB_URL": "one", "USER": "u"})
	b := p.open(t, delivery.DopplerConfig{})
	first := read(t, b, backend.Ref{})
	if got := string(read(t, b, backend.Ref{Key: "USER"}).Value.Reveal()); got != "u" {
		t.Errorf("USER is %q", got)
	}
	if err := p.Set(t.Context(), p.name, "prd", "DB_URL", "two"); err != nil {
		t.Fatal(err)
	}
	second := read(t, b, backend.Ref{Key: "DB_URL"})
	if string(second.Value.Reveal()) != "two" || second.Version == first.Version || first.Version == "" {
		t.Errorf("versions %q and %q", first.Version, second.Version)
	}
	if want := "https://dashboard.doppler.com/workplace/projects/" + p.name + "/configs/prd"; first.Link != want {
		t.Errorf("the link is %s, want %s", first.Link, want)
	}
	requests, err := p.Requests(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	var statuses []int
	for _, r := range requests {
		statuses = append(statuses, r.Status)
	}
	if !slices.Equal(statuses, []int{200, 304, 200}) {
		t.Errorf("answers %v", statuses)
	}
}

func TestEveryForm(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"SMTP__USER_NAME": "value-1", "A_B": "two"})
	for _, transformer := range []string{"upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"} {
		b := p.open(t, delivery.DopplerConfig{NameTransformer: transformer})
		refs, err := b.(backend.Finder).Find(t.Context(), backend.Query{Name: "(?i)user"})
		if err != nil || len(refs) != 1 || refs[0].Key == "SMTP__USER_NAME" {
			t.Fatalf("%s: found %v, %v", transformer, refs, err)
		}
		for _, ref := range []backend.Ref{refs[0], {Key: "SMTP__USER_NAME"}} {
			if got := string(read(t, b, ref).Value.Reveal()); got != "value-1" {
				t.Errorf("%s: %v is %q", transformer, ref, got)
			}
		}
		for _, format := range []string{"json", "dotnet-json", "env", "yaml", "docker"} {
			b := p.open(t, delivery.DopplerConfig{NameTransformer: transformer, Format: format, Secrets: []string{"SMTP__USER_NAME"}})
			for range 2 {
				doc := read(t, b, backend.Ref{})
				text := string(doc.Value.Reveal())
				if !strings.Contains(text, "value-1") || strings.Contains(text, "two") || doc.Version == "" {
					t.Errorf("%s as %s: %q of version %q", transformer, format, text, doc.Version)
				}
			}
		}
	}
}

// TestServiceAccountLogsIn: a token of the cluster's own for Doppler's
// address, the identity and what the store says, and for nobody else.
func TestServiceAccountLogsIn(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"DB_URL": "one"})
	plane := testkit.SharedPlane(t)
	namespace := testkit.Namespace(t, plane)
	clients, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}
	if _, err := clients.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	resolver := credentials.Resolver{Core: clients.CoreV1()}
	creds := resolver.For(delivery.StoreRef{Kind: "SecretStore", Namespace: namespace, Name: "doppler"}, namespace)
	for audience, want := range map[string]backend.Kind{p.Addr: "", "secretStore:" + namespace + ":doppler": "", "another": backend.Refused} {
		identity, err := p.Identity(t.Context(), testkit.DopplerIdentity{
			Plane: plane, Audiences: []string{audience}, Projects: []string{p.name},
			Subjects: []string{"system:serviceaccount:" + namespace + ":reader"},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := p.openAs(t, delivery.DopplerConfig{Project: p.name, Config: "prd", Auth: delivery.DopplerAuth{
			Identity: identity,
			Account: delivery.Credential{
				Kind: delivery.FromServiceAccount, Name: "reader", Audiences: []string{"secretStore:" + namespace + ":doppler"},
			},
		}}, creds)
		doc, err := b.Read(t.Context(), backend.Ref{Key: "DB_URL"})
		switch {
		case want == "" && (err != nil || string(doc.Value.Reveal()) != "one"):
			t.Errorf("audience %s: %v", audience, err)
		case want != "" && (err == nil || backend.KindOf(err) != want):
			t.Errorf("audience %s: %v, want it %s", audience, err, want)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestFaultsHurtNobodyForLong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault testkit.CloudFault
		want  backend.Kind
	}{
		"down":          {testkit.CloudFault{Kind: "down"}, backend.Unavailable},
		"slow":          {testkit.CloudFault{Kind: "slow", Delay: time.Minute}, backend.Unavailable},
		"garbage":       {testkit.CloudFault{Kind: "garbage"}, backend.Malformed},
		"another JSON":  {testkit.CloudFault{Kind: "garbage", Body: `{"DB_URL":["one"]}`}, backend.Malformed},
		"empty":         {testkit.CloudFault{Kind: "empty"}, backend.Malformed},
		"cut":           {testkit.CloudFault{Kind: "cut"}, backend.Malformed},
		"internal":      {testkit.CloudFault{Kind: "status", Status: 500}, backend.Unavailable},
		"bad gateway":   {testkit.CloudFault{Kind: "status", Status: 502, Body: "<html>"}, backend.Unavailable},
		"throttled":     {testkit.CloudFault{Kind: "status", Status: 429, RetryAfter: "7"}, backend.Throttled},
		"unauthorized":  {testkit.CloudFault{Kind: "status", Status: 401}, backend.Refused},
		"proxy's 404":   {testkit.CloudFault{Kind: "status", Status: 404, Body: "not found"}, backend.Malformed},
		"not this page": {testkit.CloudFault{Kind: "status", Status: 404}, backend.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, map[string]string{"DB_URL": "one"})
			b := p.open(t, delivery.DopplerConfig{})
			read(t, b, backend.Ref{})
			// Otherwise there is no body to break.
			if err := p.Set(t.Context(), p.name, "prd", "DB_URL", "two"); err != nil {
				t.Fatal(err)
			}
			c.fault.Scope = p.name
			if err := p.Fault(t.Context(), c.fault); err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if c.fault.Kind == "slow" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			_, err := b.Read(ctx, backend.Ref{})
			if err == nil || backend.KindOf(err) != c.want {
				t.Errorf("got %v (%s), want %s", err, backend.KindOf(err), c.want)
			}
			var e *backend.Error
			if errors.As(err, &e) && c.want == backend.Throttled && e.RetryAfter != 7*time.Second {
				t.Errorf("RetryAfter is %s", e.RetryAfter)
			}
			if err := p.Heal(t.Context(), p.name); err != nil {
				t.Fatal(err)
			}
			if got := string(read(t, b, backend.Ref{Key: "DB_URL"}).Value.Reveal()); got != "two" {
				t.Errorf("afterwards it is %q", got)
			}
		})
	}
}

func TestLimitsOfDopplerAreTold(t *testing.T) {
	t.Parallel()
	p := newProject(t, nil)
	if err := p.Limit(t.Context(), p.token, testkit.DopplerLimits{Reads: 9, SecretReads: 1, Writes: 1, Window: time.Hour}); err != nil {
		t.Fatal(err)
	}
	b := p.open(t, delivery.DopplerConfig{})
	read(t, b, backend.Ref{})
	_, err := b.Read(t.Context(), backend.Ref{})
	var e *backend.Error
	if !errors.As(err, &e) || e.Kind != backend.Throttled || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
		t.Errorf("got %#v", err)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("looking at names counts as reading secrets: %v", err)
	}
}

func TestWhatDoesNotExistIsToldByDoppler(t *testing.T) {
	t.Parallel()
	p := newProject(t, nil)
	var err error
	if p.token, err = p.Token(t.Context(), testkit.DopplerToken{Type: "personal"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		project, config string
		read, check     backend.Kind
		says            string
	}{
		{p.name, "nope", backend.NotFound, backend.Misconfigured, "Doppler Error: Could not find requested config 'nope' (HTTP 404)"},
		{p.name + "-config", "prd", backend.Misconfigured, backend.Misconfigured, "Doppler Error: Could not find requested project"},
		{"", "", backend.Misconfigured, backend.Misconfigured, "Doppler Error: You must specify a project (HTTP 400)"},
	} {
		b := p.open(t, delivery.DopplerConfig{Project: c.project, Config: c.config})
		if _, err := b.Read(t.Context(), backend.Ref{}); err == nil || backend.KindOf(err) != c.read || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Read of %s/%s: %v (%s)", c.project, c.config, err, backend.KindOf(err))
		}
		if err := b.Check(t.Context()); err == nil || backend.KindOf(err) != c.check || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Check of %s/%s: %v (%s)", c.project, c.config, err, backend.KindOf(err))
		}
	}
}

func TestCertificatesAreVerifiedUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"DB_URL": "one"})
	b := p.open(t, delivery.DopplerConfig{Host: p.TLSAddr})
	if _, err := b.Read(t.Context(), backend.Ref{}); backend.KindOf(err) != backend.Unavailable || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
	read(t, p.open(t, delivery.DopplerConfig{Host: p.TLSAddr, SkipVerify: true}), backend.Ref{})
}
