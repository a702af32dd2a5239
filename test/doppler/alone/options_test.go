package alone_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

// TestHostsAreTheOperators: without a word of its configuration, only
// Doppler's own is called.
func TestHostsAreTheOperators(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	_, stop := b.serve(func(o *operator.Options) { o.Languages.DopplerHosts = nil })
	b.DS("app")
	b.Broken("app", `"127.0.0.1:`, "not one that this operator calls", "--doppler-host")
	if n := b.Requests("/", 0); n != 0 {
		t.Errorf("it was called %d times", n)
	}
	stop()
	b.serve(nil)
	b.Carries("app", "K", "one")
}

// TestHomeIsTheOperators: another namespace may be the one from which all are
// in reach, and its service account the one that logs in.
func TestHomeIsTheOperators(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	other := b.NS + "-b"
	b.Must(b.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}}))
	b.Must(b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "doppler-operator-controller-manager"}}))
	id, err := b.Doppler.Identity(t.Context(), testkit.DopplerIdentity{
		Plane: b.Plane, Audiences: []string{"dopplerSecret:" + b.NS + ":identity"}, Projects: []string{b.NS},
		Subjects: []string{"system:serviceaccount:" + b.NS + ":doppler-operator-controller-manager"}, TTL: 10 * time.Second,
	})
	b.Must(err)
	_, stop := b.serve(func(o *operator.Options) {
		o.Namespaces, o.Languages.DopplerNamespaces = []string{b.NS, other}, []string{b.NS}
	})
	b.DS("app", "managedSecret: {name: app, namespace: "+other+"}")
	b.CarriesIn(other, "app", "K", "one")
	b.Apply(dopplertest.Manifest("back", other, "tokenSecret: {name: token, namespace: "+b.NS+"}", "managedSecret: {name: back}"))
	b.BrokenIn(other, "back", "operator's own namespaces")

	// What Doppler issues ends soon, is replaced in time, and at the end
	// given back.
	b.DS("identity", "tokenSecret: none", "identity: "+id, "project: "+b.NS, "config: prd")
	b.Carries("identity", "K", "one")
	b.Eventually(func() error {
		return check(b.Requests("/v3/auth/oidc", http.StatusOK) >= 3, "it logged in %d times", b.Requests("/v3/auth/oidc", 0))
	})
	if n := b.Requests("/", http.StatusUnauthorized); n != 0 {
		t.Errorf("%d requests came with a token that had ended", n)
	}
	stop()
	requests, err := b.Doppler.Requests(t.Context(), "")
	b.Must(err)
	if !slices.ContainsFunc(requests, func(r testkit.CloudRequest) bool { return r.Path == "/v3/auth/revoke" }) {
		t.Errorf("the issued token was not revoked: %v", requests)
	}
}

// TestASlowDopplerIsTold and hurts nobody else.
func TestASlowDopplerIsTold(t *testing.T) {
	t.Parallel()
	b := newBed(t, map[string]string{"K": "one"})
	b.serve(func(o *operator.Options) { o.Limits.Timeout = 2 * time.Second })
	b.DS("app")
	was := b.Carries("app", "K", "one")
	b.Must(b.Doppler.Fault(t.Context(), testkit.CloudFault{Kind: "slow", Delay: time.Minute, Scope: b.NS}))
	b.Broken("app", "did not answer in time")
	b.Stays(was)
	b.Must(b.Doppler.Heal(t.Context(), b.NS))
	b.Set("K", "two")
	b.Carries("app", "K", "two")
	b.InSync("app")
}

// TestAHundredNamesAreOneDownload: Doppler as a store of ExternalSecrets.
func TestAHundredNamesAreOneDownload(t *testing.T) {
	t.Parallel()
	const many = 100
	secrets := map[string]string{}
	for i := range many {
		secrets[fmt.Sprintf("NAME_%03d", i)] = fmt.Sprintf("one-%d", i)
	}
	b := newBed(t, secrets)
	b.Keep("doppler", "dopplerToken", b.Token)
	manifests := `
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: doppler}
spec: {provider: {doppler: {auth: {secretRef: {dopplerToken: {name: doppler}}}}}}
`
	for i := range many {
		manifests += fmt.Sprintf(`---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: es-%03[1]d}
spec:
  refreshInterval: 2s
  secretStoreRef: {name: doppler}
  data: [{secretKey: v, remoteRef: {key: NAME_%03[1]d}}]
`, i)
	}
	b.Apply(manifests)
	b.serve(func(o *operator.Options) {
		o.Languages.DopplerHosts, o.Languages.DopplerURL = nil, b.Doppler.Addr
	})
	holds := func(i int, value string) {
		t.Helper()
		b.Holds(fmt.Sprintf("es-%03d", i), map[string]string{"v": value})
	}
	for i := range many {
		holds(i, fmt.Sprintf("one-%d", i))
	}
	if n := b.Requests(dopplertest.Download, http.StatusOK); n != 1 {
		t.Errorf("%d names took %d downloads", many, n)
	}

	// A wave is one look, that finds nothing new; there are two in two seconds.
	b.Must(b.Doppler.Forget(t.Context(), b.NS))
	b.Polled(6)
	all, err := b.Doppler.Requests(t.Context(), b.NS)
	b.Must(err)
	if took := all[len(all)-1].Time.Sub(all[0].Time); took < 2*time.Second {
		t.Errorf("%d looks at Doppler within %v", len(all), took)
	}
	b.Set("NAME_007", "two")
	holds(7, "two")
	b.Polled(1)
	if n := b.Requests(dopplertest.Download, http.StatusOK); n != 1 {
		t.Errorf("the change was sent %d times", n)
	}
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: all}
spec:
  secretStoreRef: {name: doppler}
  dataFrom: [{find: {name: {regexp: '^NAME_00[0-9]$'}}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: none}
spec:
  secretStoreRef: {name: doppler}
  data: [{secretKey: v, remoteRef: {key: NO_SUCH}}]
`)
	want := map[string]string{}
	for i := range 10 {
		want[fmt.Sprintf("NAME_%03d", i)] = fmt.Sprintf("one-%d", i)
	}
	want["NAME_007"] = "two"
	b.Holds("all", want)
	b.Failed("none", "NO_SUCH")
}
