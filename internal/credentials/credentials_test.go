package credentials_test

import (
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/credentials"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// furnish makes a Secret, a ConfigMap and a service account named "x" in a
// new namespace.
func furnish(t *testing.T, core corev1client.CoreV1Interface) string {
	t.Helper()
	ns := testkit.Namespace(t, testkit.SharedPlane(t))
	meta := metav1.ObjectMeta{Name: "x"}
	_, err := core.Secrets(ns).Create(t.Context(), &corev1.Secret{ObjectMeta: meta,
		StringData: map[string]string{"key": "secret of " + ns, "empty": ""}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = core.ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: meta,
		Data: map[string]string{"key": "config of " + ns}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = core.ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return ns
}

func TestCredentialsComeFromWhereTheStoreMayReach(t *testing.T) {
	t.Parallel()
	core, err := corev1client.NewForConfig(testkit.SharedPlane(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	own, other := furnish(t, core), furnish(t, core)
	namespaced := delivery.StoreRef{Kind: "SecretStore", Namespace: own, Name: "s"}
	cluster := delivery.StoreRef{Kind: "ClusterSecretStore", Name: "s"}
	cred := func(kind delivery.CredentialKind, namespace, name, key string) delivery.Credential {
		return delivery.Credential{Kind: kind, Namespace: namespace, Name: name, Key: key}
	}
	for name, c := range map[string]struct {
		store  delivery.StoreRef
		reader string
		cred   delivery.Credential
		want   string // the value, or
		fails  string // a part of the error
	}{
		"own namespace":               {namespaced, own, cred(delivery.FromSecret, "", "x", "key"), "secret of " + own, ""},
		"own namespace, named":        {namespaced, own, cred(delivery.FromSecret, own, "x", "key"), "secret of " + own, ""},
		"own, whoever reads":          {namespaced, other, cred(delivery.FromConfigMap, "", "x", "key"), "config of " + own, ""},
		"another's Secret":            {namespaced, own, cred(delivery.FromSecret, other, "x", "key"), "", "out of reach"},
		"another's ConfigMap":         {namespaced, own, cred(delivery.FromConfigMap, other, "x", "key"), "", "out of reach"},
		"another's service account":   {namespaced, own, cred(delivery.FromServiceAccount, other, "x", ""), "", "out of reach"},
		"a cluster store's":           {cluster, own, cred(delivery.FromSecret, other, "x", "key"), "secret of " + other, ""},
		"the reader's":                {cluster, own, cred(delivery.FromSecret, "", "x", "key"), "secret of " + own, ""},
		"the reader's, without one":   {cluster, "", cred(delivery.FromSecret, "", "x", "key"), "", "name its namespace"},
		"not there":                   {namespaced, own, cred(delivery.FromSecret, "", "y", "key"), "", "Secret " + own + "/y does not exist"},
		"no such key":                 {namespaced, own, cred(delivery.FromSecret, "", "x", "other"), "", `has no key "other"`},
		"empty":                       {namespaced, own, cred(delivery.FromSecret, "", "x", "empty"), "", `key "empty" is empty`},
		"no such service account":     {namespaced, own, cred(delivery.FromServiceAccount, "", "y", ""), "", "ServiceAccount " + own + "/y does not exist"},
		"a kind that nobody heard of": {namespaced, own, cred("Pod", "", "x", ""), "", "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := credentials.Resolver{Core: core}.For(c.store, c.reader).Resolve(t.Context(), c.cred)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || backend.KindOf(err) != backend.Misconfigured {
					t.Errorf("error %v, want a misconfiguration that says %q", err, c.fails)
				}
				return
			}
			if err != nil || string(got.Reveal()) != c.want {
				t.Errorf("got %q, %v; want %q", got.Reveal(), err, c.want)
			}
		})
	}
}

func TestAServiceAccountsTokenIsFreshAndForItsAudience(t *testing.T) {
	t.Parallel()
	core, err := corev1client.NewForConfig(testkit.SharedPlane(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	ns := furnish(t, core)
	store := delivery.StoreRef{Kind: "SecretStore", Namespace: ns, Name: "s"}
	creds := credentials.Resolver{Core: core}.For(store, ns)
	got, err := creds.Resolve(t.Context(), delivery.Credential{Kind: delivery.FromServiceAccount, Name: "x", Audiences: []string{"vault"}})
	if err != nil || strings.Count(string(got.Reveal()), ".") != 2 {
		t.Errorf("got %d bytes, %v; want a JSON Web Token", got.Len(), err)
	}
}
