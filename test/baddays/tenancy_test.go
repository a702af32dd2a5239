package baddays

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// neighbour is another tenant's namespace with everything that one might want
// from it.
func neighbour(b *operatortest.Bed) string {
	b.T.Helper()
	ns := testkit.Namespace(b.T, b.Plane)
	token := b.Vault.RootToken
	for _, s := range []*corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "vault-token"}, StringData: map[string]string{"token": token, "ca": "x", "tls.crt": "x", "tls.key": "x", "kubeconfig": "x"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "templates"}, StringData: map[string]string{"t": "stolen"}},
	} {
		s.Namespace = ns
		must(b.T, b.Create(b.T.Context(), s))
	}
	must(b.T, b.Create(b.T.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "templates"}, Data: map[string]string{"t": "stolen", "ca": "x"}}))
	must(b.T, b.Create(b.T.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "strong"}}))
	return ns
}

// TestNoFieldOfAStoreReachesAnotherNamespace is promise 6, and the advisories
// CVE-2026-42875 (caProvider) and #5921.
func TestNoFieldOfAStoreReachesAnotherNamespace(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	proxy := testkit.NewProxy(t, b.VaultAddr, nil)
	b.VaultAddr = proxy.URL
	theirs := neighbour(b)
	b.Apply(operatortest.VaultStore) // and the own token beside
	ref := func(key string) string {
		return fmt.Sprintf("{name: vault-token, namespace: %s, key: %s}", theirs, key)
	}
	ours := "{tokenSecretRef: {name: vault-token, key: token}}"
	vault := func(rest, auth string) string {
		return "vault: {server: $VAULT, path: secret, auth: " + auth + rest + "}"
	}
	stores := map[string]string{
		"token":         vault("", "{tokenSecretRef: "+ref("token")+"}"),
		"role":          vault("", "{appRole: {path: approle, roleRef: "+ref("token")+", secretRef: {name: vault-token, key: token}}}"),
		"secret-id":     vault("", "{appRole: {path: approle, roleId: x, secretRef: "+ref("token")+"}}"),
		"jwt":           vault("", "{jwt: {path: jwt, role: x, secretRef: "+ref("token")+"}}"),
		"jwt-account":   vault("", "{jwt: {path: jwt, role: x, kubernetesServiceAccountToken: {serviceAccountRef: {name: strong, namespace: "+theirs+"}}}}"),
		"account":       vault("", "{kubernetes: {mountPath: kubernetes, role: x, serviceAccountRef: {name: strong, namespace: "+theirs+"}}}"),
		"kube-jwt":      vault("", "{kubernetes: {mountPath: kubernetes, role: x, secretRef: "+ref("token")+"}}"),
		"ca-secret":     vault(", caProvider: {type: Secret, name: vault-token, key: ca, namespace: "+theirs+"}", ours),
		"ca-configmap":  vault(", caProvider: {type: ConfigMap, name: templates, key: ca, namespace: "+theirs+"}", ours),
		"tls":           vault(", tls: {certSecretRef: "+ref("tls.crt")+", keySecretRef: "+ref("tls.key")+"}", ours),
		"kube-token":    "kubernetes: {server: {url: $VAULT}, auth: {token: {bearerToken: " + ref("token") + "}}}",
		"kube-cert":     "kubernetes: {server: {url: $VAULT}, auth: {cert: {clientCert: " + ref("tls.crt") + ", clientKey: " + ref("tls.key") + "}}}",
		"kube-account":  "kubernetes: {server: {url: $VAULT}, auth: {serviceAccount: {name: strong, namespace: " + theirs + "}}}",
		"kube-ca":       "kubernetes: {server: {url: $VAULT, caProvider: {type: ConfigMap, name: templates, key: ca, namespace: " + theirs + "}}, auth: {serviceAccount: {name: default}}}",
		"kube-authref":  "kubernetes: {authRef: " + ref("kubeconfig") + "}",
		"kube-ca-token": "kubernetes: {server: {url: $VAULT, caProvider: {type: Secret, name: vault-token, key: ca, namespace: " + theirs + "}}, auth: {serviceAccount: {name: default}}}",
	}
	for name, provider := range stores {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %s}
spec:
  provider:
    %s
`, name, provider) + strings.Replace(fmt.Sprintf(fromFake, "es-"+name, name), "key: k}", "key: $NS/k}", 1))
	}
	for name := range stores {
		b.Failed("es-"+name, "is not ready", "namespace")
	}
	for path, n := range proxy.Counts() {
		if path != "/v1/auth/token/lookup-self" { // of the good store
			t.Errorf("asked %s %d times", path, n)
		}
	}
}

// TestAnExternalSecretReadsAndWritesItsOwnNamespaceAlone, whatever it names.
func TestAnExternalSecretReadsAndWritesItsOwnNamespaceAlone(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	theirs := neighbour(b)
	b.Apply(fmt.Sprintf(fakeStore, "fake", "one"))
	for _, kind := range []string{"configMap", "secret"} {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %[1]s}
spec:
  secretStoreRef: {name: fake}
  target: {template: {templateFrom: [{%[2]s: {name: templates, items: [{key: t}]}}]}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, strings.ToLower(kind), kind))
		b.Failed(strings.ToLower(kind), "templates", "does not exist in namespace "+b.NS)
	}
	// A store of another namespace cannot be named.
	other := &operatortest.Bed{Client: b.Client, T: t, Plane: b.Plane, Vault: b.Vault, NS: theirs, VaultAddr: b.VaultAddr}
	other.Apply(fmt.Sprintf(fakeStore, "theirs", "stolen"))
	b.Apply(fmt.Sprintf(fromFake, "es-theirs", "theirs"))
	b.Failed("es-theirs", "does not exist")
	// Nor can another namespace's Secret be the target.
	for _, name := range []string{theirs + "/vault-token", "../" + theirs + "/secrets/vault-token"} {
		err := b.Create(t.Context(), nameless(b, name))
		if err == nil {
			b.Failed("target-elsewhere", "")
			must(t, b.Delete(t.Context(), b.ExternalSecret("target-elsewhere")))
		} else if !apierrors.IsInvalid(err) {
			t.Error(err)
		}
	}
	s := &corev1.Secret{}
	must(t, b.Get(t.Context(), keyOf(theirs, "vault-token"), s))
	if len(s.Labels) != 0 || len(s.ManagedFields) != 1 {
		t.Errorf("the neighbour's Secret was written: %v", s.ManagedFields)
	}
}

// TestReferentCredentialsAreTheReadersOwn, and sessions are not shared between
// tenants (#5921): one namespace's token must not read for another.
func TestReferentCredentialsAreTheReadersOwn(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	theirs := neighbour(b) // has the root token under the same name
	weak, err := b.Vault.Token(t.Context(), testkit.ReadOnly("secret/data/"+b.NS))
	must(t, err)
	b.Put("db", map[string]any{"password": "mine"})
	must(t, b.Vault.Put(t.Context(), theirs+"/db", map[string]any{"password": "theirs"}))
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "vault-token"}, StringData: map[string]string{"token": weak}})
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: $NS}
spec:
  provider: {vault: {server: $VAULT, path: secret, auth: {tokenSecretRef: {name: vault-token, key: token}}}}
`)
	es := func(at *operatortest.Bed, name, of string) {
		at.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: %s}
  dataFrom: [{extract: {key: %s/db}}]
`, name, b.NS, of))
	}
	other := &operatortest.Bed{Client: b.Client, T: t, Plane: b.Plane, Vault: b.Vault, NS: theirs, VaultAddr: b.VaultAddr}
	es(other, "app", theirs)
	other.Holds("app", map[string]string{"password": "theirs"})
	es(b, "mine", b.NS)
	b.Holds("mine", map[string]string{"password": "mine"})
	es(b, "stolen", theirs)
	b.Failed("stolen", "permission denied")
	b.Poke("stolen")
	if b.Secret("stolen") != nil {
		t.Error("another tenant's session was used")
	}
}

// TestACAsOfAClusterStoreIsNotTheReaders: the reader could vouch for a server
// of its own.
func TestACAOfAClusterStoreIsNotTheReaders(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: $NS}
spec:
  provider: {vault: {server: $VAULT, path: secret, caProvider: {type: ConfigMap, name: ca, key: ca}, auth: {tokenSecretRef: {name: vault-token, key: token, namespace: $NS}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: $NS}
  dataFrom: [{extract: {key: $NS/db}}]
`)
	b.Failed("app", "caProvider.namespace")
}

// TestConditionsOfAClusterStoreShutOut namespaces that they do not name.
func TestConditionsOfAClusterStoreShutOut(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: $NS}
spec:
  conditions: [{namespaces: [elsewhere]}, {namespaceRegexes: ['^elsewhere$']}, {namespaceSelector: {matchLabels: {team: other}}}]
  provider: {fake: {data: [{key: k, value: v}]}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: $NS}
  data: [{secretKey: k, remoteRef: {key: k}}]
`)
	b.Failed("app", "denied by spec.condition")
	ns := &corev1.Namespace{}
	must(t, b.Get(t.Context(), keyOf("", b.NS), ns))
	ns.Labels["team"] = "other"
	must(t, b.Update(t.Context(), ns))
	b.Holds("app", map[string]string{"k": "v"})
}

// TestTemplatesHaveNoIO: CVE-2026-34984 (getHostByName), GHSA-77v3-r3jw-j2v2
// (a function that reads across namespaces).
func TestTemplatesHaveNoIO(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(fmt.Sprintf(fakeStore, "fake", "one"))
	calls := map[string]string{
		"env": `env "HOME"`, "expandenv": `expandenv "$HOME"`, "gethostbyname": `getHostByName "example.com"`,
		"lookup": `lookup "v1" "Secret" "kube-system" "x"`, "getsecretkey": `getSecretKey "x" "y" "z"`, "getsecret": `getSecret "x" "y"`,
		"readfile": `readFile "/etc/passwd"`, "include": `include "x" .`, "tpl": `tpl "{{ env \"HOME\" }}" .`, "files": `.Files.Get "x"`, "http": `httpGet "http://127.0.0.1"`,
	}
	for name, f := range calls {
		b.Apply(templated(name, "{{ "+f+" }}"))
	}
	for name := range calls {
		b.Failed(name, "could not update secret")
	}
}

// TestNoTokenOfAServiceAccountThroughATemplate is CVE-2026-42876.
func TestNoTokenOfAServiceAccountThroughATemplate(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	b.Apply(fmt.Sprintf(fakeStore, "fake", "default"))
	for _, name := range []string{"strong", "weak"} {
		must(t, b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: name}}))
	}
	must(t, b.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "t"}, Data: map[string]string{"t": "kubernetes.io/service-account.name: strong"}}))
	const sa = "type: kubernetes.io/service-account-token"
	for name, template := range map[string]string{
		"plain":     sa + ", metadata: {annotations: {kubernetes.io/service-account.name: strong}}",
		"rendered":  sa + ", metadata: {annotations: {kubernetes.io/service-account.name: '{{ .k }}'}}",
		"literal":   sa + ", templateFrom: [{target: Annotations, literal: 'kubernetes.io/service-account.name: strong'}]",
		"lowercase": sa + ", templateFrom: [{target: annotations, literal: 'kubernetes.io/service-account.name: strong'}]",
		"configmap": sa + ", templateFrom: [{target: Annotations, configMap: {name: t, items: [{key: t, templateAs: KeysAndValues}]}}]",
		"bootstrap": "type: bootstrap.kubernetes.io/token",
	} {
		b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s}
spec:
  secretStoreRef: {name: fake}
  target: {template: {%s}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`, name, template))
		b.Failed(name, "not allowed")
		if b.Secret(name) != nil {
			t.Errorf("%s: a Secret came of it", name)
		}
	}
	// Nor by way of a Secret that is there already.
	create(b, &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{
		Name: "there", Annotations: map[string]string{corev1.ServiceAccountNameKey: "weak"}}})
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: merging}
spec:
  secretStoreRef: {name: fake}
  target: {name: there, creationPolicy: Merge, template: {metadata: {annotations: {kubernetes.io/service-account.name: strong}}, data: {token: ""}}}
  data: [{secretKey: k, remoteRef: {key: k}}]
`)
	b.Failed("merging", "service-account-token")
}

// TestSourcesAreNeverWritten is promise 5: whatever the policies, what is read
// from and what is not ours stays at its version.
func TestSourcesAreNeverWritten(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	must(t, b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "reader"}}))
	allow(b, "reader", reading)
	source := create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "source"}, Data: map[string][]byte{"k": []byte("v")}})
	foreign := create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Data: map[string][]byte{"k": []byte("v")}})
	template := create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "template"}, Data: map[string][]byte{"t": []byte("{{ .k }}")}})
	b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: here}
spec:
  provider:
    kubernetes:
      remoteNamespace: $NS
      server: {url: %q, caBundle: %s}
      auth: {serviceAccount: {name: reader}}
`, b.Plane.URL(), encoded(b.Plane.CACert())))
	var names []string
	for _, creation := range []string{"Owner", "Orphan", "Merge", "CreateOrMerge", "None"} {
		for _, deletion := range []string{"Retain", "Delete", "Merge"} {
			name := strings.ToLower(creation + "-" + deletion)
			names = append(names, name)
			b.Apply(fmt.Sprintf(`
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %[1]s}
spec:
  secretStoreRef: {name: here}
  target: {name: into-%[1]s, creationPolicy: %[2]s, deletionPolicy: %[3]s, template: {templateFrom: [{secret: {name: template, items: [{key: t}]}}]}}
  data: [{secretKey: k, remoteRef: {key: source, property: k}}]
`, name, creation, deletion))
		}
	}
	ended := func(name string) {
		b.Eventually(func() error {
			if len(b.ExternalSecret(name).Status.Conditions) == 0 {
				return fmt.Errorf("%s has not ended; %s", name, b.States())
			}
			return nil
		})
	}
	for _, name := range names {
		ended(name)
	}
	b.Synced("owner-retain")
	b.Synced("orphan-delete")
	for _, name := range names {
		must(t, b.Delete(t.Context(), b.ExternalSecret(name)))
	}
	b.Apply(fmt.Sprintf(fakeStore, "fake", "x") + fmt.Sprintf(fromFake, "last", "fake"))
	b.Synced("last")
	for _, s := range []*corev1.Secret{source, foreign, template} {
		untouched(b, s)
	}
}

// TestNoDigestIsWritten is promise 2: the original's annotation goes, and
// nothing that depends on the data alone comes in its place.
func TestNoDigestIsWritten(t *testing.T) {
	t.Parallel()
	b := operatortest.WithShared(t)
	create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "taken", Annotations: map[string]string{"reconcile.external-secrets.io/data-hash": "abc"}}})
	b.Apply(intoTaken("Owner") + fmt.Sprintf(fromFake, "same", "fake") + fmt.Sprintf(fromFake, "again", "fake"))
	for _, name := range []string{"taken", "same", "again"} {
		s := b.Holds(name, map[string]string{"k": "one"})
		if len(s.Annotations) != 0 {
			t.Errorf("%s has annotations %v", name, s.Annotations)
		}
		if len(s.Labels) != 2 {
			t.Errorf("%s has labels %v, want the original's two", name, s.Labels)
		}
	}
	// Objects of the same data have nothing in common, and one of changed
	// data nothing new but versions and times.
	b.Synced("same")
	one := b.ExternalSecret("same")
	b.Apply(fmt.Sprintf(fakeStore, "fake", "two"))
	b.Holds("same", map[string]string{"k": "two"})
	b.Eventually(func() error {
		if now := b.ExternalSecret("same"); now.Status.Binding.ResourceVersion == one.Status.Binding.ResourceVersion {
			return fmt.Errorf("not bound anew")
		}
		return nil
	})
	two := b.ExternalSecret("same")
	two.Status.Binding, two.Status.RefreshTime = one.Status.Binding, one.Status.RefreshTime
	if fmt.Sprint(one.Status) != fmt.Sprint(two.Status) || fmt.Sprint(one.Annotations) != fmt.Sprint(two.Annotations) {
		t.Errorf("the status changed with the data: %v, %v", one.Status, two.Status)
	}
}

// TestValuesOfForeignSecretsAreNotRead is the part of promise 12 that needs no
// measuring: Secrets are listed and watched as metadata alone, and only those
// that an object names are read.
func TestValuesOfForeignSecretsAreNotRead(t *testing.T) {
	t.Parallel()
	b := operatortest.WithoutOperator(t)
	for i := range 5 {
		create(b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("foreign-%d", i)}, Data: map[string][]byte{"k": []byte("v")}})
	}
	p := &testkit.Tap{}
	wholes := make(chan string, 100)
	p.Set(func(r *http.Request) error {
		c := testkit.Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
		if c.OnSecrets() && !c.Writes() && !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") {
			wholes <- r.URL.Path
		}
		return nil
	}, nil)
	b.Operate(func(o *operator.Options) {
		throughTap(b, p)(o)
		externalSecretsAlone(o)
	})
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(ours(operatortest.VaultStore + app("Retain")))
	b.Synced("app")
	p.Set(nil, nil)
	var allowed []string
	for _, name := range []string{"vault-token", "app", "tacit-digest-key"} {
		allowed = append(allowed, "/api/v1/namespaces/"+b.NS+"/secrets/"+name)
	}
	// Not closed: a request under way may still tell.
	for len(wholes) > 0 {
		path := <-wholes
		if !slices.Contains(allowed, path) {
			t.Errorf("read %s", path)
		}
	}
}
