package testkit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

const downloadPath = "/v3/configs/config/secrets/download"

// asked is an answer of a cloud.
type asked struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// ask makes one request on a connection of its own, so that Go's client does
// not try it again after a reset.
func ask(t *testing.T, r *http.Request) asked {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return asked{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return asked{response.StatusCode, response.Header, string(body), err}
}

// download asks Doppler for a config's secrets, in the manner of the original
// operator: with the token as the user name.
func download(t *testing.T, d *testkit.Doppler, token, etag string) asked {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Addr+downloadPath, http.NoBody)
	must(t, err)
	r.SetBasicAuth(token, "")
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	return ask(t, r)
}

func wantSecret(t *testing.T, got asked, name, value string) {
	t.Helper()
	var secrets map[string]string
	if err := json.Unmarshal([]byte(got.body), &secrets); err != nil || got.status != http.StatusOK || secrets[name] != value {
		t.Errorf("want %s=%q, got %d %s (%v, %v)", name, value, got.status, got.body, got.err, err)
	}
}

func TestDopplerGivesWhatWasSet(t *testing.T) {
	t.Parallel()
	doppler, ctx := testkit.SharedClouds(t).Doppler, t.Context()
	token, err := doppler.Config(ctx, "gives", "prd", map[string]string{"DB_URL": "${DB_USER}@db", "DB_USER": "one"})
	must(t, err)

	first := download(t, doppler, token, "")
	wantSecret(t, first, "DB_URL", "one@db")
	etag := first.header.Get("ETag")
	if same := download(t, doppler, token, etag); same.status != http.StatusNotModified || same.body != "" {
		t.Errorf("unchanged: got %d %q", same.status, same.body)
	}
	must(t, doppler.Set(ctx, "gives", "prd", "DB_USER", "two"))
	wantSecret(t, download(t, doppler, token, etag), "DB_URL", "two@db")
	must(t, doppler.Set(ctx, "gives", "prd", "DB_URL", "plain"))
	must(t, doppler.Delete(ctx, "gives", "prd", "DB_USER"))
	if got := download(t, doppler, token, ""); strings.Contains(got.body, "DB_USER") {
		t.Errorf("deleted: got %s", got.body)
	}
	must(t, doppler.Revoke(ctx, token))
	if got := download(t, doppler, token, ""); got.status != http.StatusUnauthorized {
		t.Errorf("revoked: got %d %s", got.status, got.body)
	}
	if err := doppler.Set(ctx, "gives", "no-such", "A", "b"); err == nil || !strings.Contains(err.Error(), "no config no-such") {
		t.Errorf("no such config: got %v", err)
	}
}

func TestDopplerFailsOnDemand(t *testing.T) {
	t.Parallel()
	doppler, ctx := testkit.SharedClouds(t).Doppler, t.Context()
	token, err := doppler.Config(ctx, "fails", "prd", map[string]string{"A": "value"})
	must(t, err)
	other, err := doppler.Config(ctx, "fails-not", "prd", map[string]string{"A": "value"})
	must(t, err)
	etag := download(t, doppler, token, "").header.Get("ETag")

	for _, c := range []struct {
		fault testkit.CloudFault
		as    func(asked) bool
	}{
		{testkit.CloudFault{Kind: "down"}, func(a asked) bool { return a.status == 0 && a.err != nil }},
		{testkit.CloudFault{Kind: "slow", Delay: time.Millisecond}, func(a asked) bool { return a.status == 304 }},
		{testkit.CloudFault{Kind: "status", Status: 503}, func(a asked) bool { return a.status == 503 && strings.Contains(a.body, `"success":false`) }},
		{testkit.CloudFault{Kind: "status", Status: 429, RetryAfter: "7"}, func(a asked) bool { return a.status == 429 && a.header.Get("Retry-After") == "7" }},
		{testkit.CloudFault{Kind: "garbage"}, func(a asked) bool {
			return a.status == 200 && !json.Valid([]byte(a.body)) && a.header.Get("ETag") == etag
		}},
		{testkit.CloudFault{Kind: "garbage", Body: "[]"}, func(a asked) bool { return a.status == 200 && a.body == "[]" }},
		{testkit.CloudFault{Kind: "empty"}, func(a asked) bool { return a.status == 200 && a.body == "" && a.err == nil }},
		{testkit.CloudFault{Kind: "cut"}, func(a asked) bool { return a.status == 200 && a.body != "" && a.err != nil }},
	} {
		c.fault.Scope, c.fault.Path, c.fault.Times = "fails", downloadPath, 1
		must(t, doppler.Fault(ctx, c.fault))
		wantSecret(t, download(t, doppler, other, ""), "A", "value")
		if got := download(t, doppler, token, etag); !c.as(got) {
			t.Errorf("%+v: got %+v", c.fault, got)
		}
		wantSecret(t, download(t, doppler, token, ""), "A", "value")
	}

	must(t, doppler.Fault(ctx, testkit.CloudFault{Kind: "down", Scope: "fails/prd"}))
	for range 2 {
		if got := download(t, doppler, token, ""); got.err == nil {
			t.Errorf("until healed: got %+v", got)
		}
	}
	must(t, doppler.Heal(ctx, "fails"))
	wantSecret(t, download(t, doppler, token, ""), "A", "value")
	if err := doppler.Fault(ctx, testkit.CloudFault{Kind: "unheard-of"}); err == nil {
		t.Error("a fault of no kind was taken")
	}
}

func TestDopplerRemembersRequests(t *testing.T) {
	t.Parallel()
	doppler, ctx := testkit.SharedClouds(t).Doppler, t.Context()
	token, err := doppler.Config(ctx, "remembers", "prd", map[string]string{"A": "value"})
	must(t, err)
	etag := download(t, doppler, token, "").header.Get("ETag")
	must(t, doppler.Forget(ctx, "remembers"))
	download(t, doppler, token, etag)
	must(t, doppler.Limit(ctx, token, testkit.DopplerLimits{SecretReads: 1, Window: time.Hour}))
	began := time.Now()
	download(t, doppler, token, "")
	got := download(t, doppler, token, "")
	took := int(math.Ceil(time.Since(began).Seconds()))
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); got.status != 429 || err != nil || after > 3600 || after < 3600-took {
		t.Errorf("past the limit, after %d s: got %d, %v", took, got.status, got.header)
	}

	requests, err := doppler.Requests(ctx, "remembers/prd")
	must(t, err)
	if len(requests) != 3 {
		t.Fatalf("got %d requests: %+v", len(requests), requests)
	}
	for i, status := range []int{304, 200, 429} {
		got := requests[i]
		if got.Method != "GET" || got.Path != downloadPath || got.Status != status || got.Conditional != (i == 0) {
			t.Errorf("request %d: got %+v", i, got)
		}
	}
}

func TestDopplerServesHTTPSWithACertificateOfItsOwn(t *testing.T) {
	t.Parallel()
	clouds, ctx := testkit.SharedClouds(t), t.Context()
	token, err := clouds.Doppler.Config(ctx, "https", "prd", map[string]string{"A": "value"})
	must(t, err)
	get := func(roots *x509.CertPool) error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, clouds.Doppler.TLSAddr+"/v3/me", http.NoBody)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	roots := x509.NewCertPool()
	if err := get(roots); err == nil {
		t.Error("nobody signed its certificate, and yet it was trusted")
	}
	roots.AppendCertsFromPEM(clouds.CACert)
	must(t, get(roots))
}

func TestDopplerTakesAServiceAccountsToken(t *testing.T) {
	t.Parallel()
	plane, doppler, ctx := testkit.SharedPlane(t), testkit.SharedClouds(t).Doppler, t.Context()
	namespace := testkit.Namespace(t, plane)
	_, err := doppler.Config(ctx, namespace, "prd", map[string]string{"A": "value"})
	must(t, err)
	identity, err := doppler.Identity(ctx, testkit.DopplerIdentity{
		Plane: plane, Audiences: []string{"doppler"}, Projects: []string{namespace},
		Subjects: []string{"system:serviceaccount:" + namespace + ":app"},
	})
	must(t, err)

	exchange := func(account, audience string) asked {
		body, err := json.Marshal(map[string]string{"identity": identity, "token": accountToken(ctx, t, plane, namespace, account, audience)})
		must(t, err)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, doppler.Addr+"/v3/auth/oidc", bytes.NewReader(body))
		must(t, err)
		return ask(t, r)
	}
	got := exchange("app", "doppler")
	var issued struct{ Token string }
	must(t, json.Unmarshal([]byte(got.body), &issued))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, doppler.Addr+downloadPath+"?config=prd&project="+namespace, http.NoBody)
	must(t, err)
	r.SetBasicAuth(issued.Token, "")
	wantSecret(t, ask(t, r), "A", "value")

	if got := exchange("app", "somebody-else"); got.status != http.StatusUnauthorized {
		t.Errorf("another audience: got %d %s", got.status, got.body)
	}
	if got := exchange("stranger", "doppler"); got.status != http.StatusUnauthorized {
		t.Errorf("another account: got %d %s", got.status, got.body)
	}
}

// accountToken makes the service account if need be, and a token of it.
func accountToken(ctx context.Context, t *testing.T, plane *testkit.Plane, namespace, name, audience string) string {
	t.Helper()
	clients, err := kubernetes.NewForConfig(plane.Config())
	must(t, err)
	accounts := clients.CoreV1().ServiceAccounts(namespace)
	_, _ = accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{Audiences: []string{audience}}}
	token, err := accounts.CreateToken(ctx, name, request, metav1.CreateOptions{})
	must(t, err)
	return token.Status.Token
}
