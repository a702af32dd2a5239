package externalsecrets_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// authStore is the store "vault" with another way to log in, which may read
// below the test's namespace alone.
func authStore(auth string) string {
	return "\n---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: vault}\nspec:\n" +
		"  provider: {vault: {server: $VAULT, path: secret, auth: {" + auth + "}}}\n"
}

func secretOf(name string, pairs ...string) string {
	data := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = pairs[i+1]
	}
	return "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\nstringData: " + quoted(data) + "\n"
}

// rules let a token read what the tests of this bed put.
func (b bed) rules() string {
	return testkit.ReadOnly("secret/data/"+b.NS, "secret/metadata/"+b.NS)
}

// token issues a token with these rules.
func (b bed) token(rules string) string {
	b.T.Helper()
	token, err := b.Vault.Token(b.T.Context(), rules)
	if err != nil {
		b.T.Fatal(err)
	}
	return token
}

func TestAppRole(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	role, id, err := b.Vault.AppRole(t.Context(), b.rules())
	if err != nil {
		t.Fatal(err)
	}
	b.Apply(secretOf("approle", "role", role, "id", id) +
		authStore("appRole: {path: approle, roleId: "+role+", secretRef: {name: approle, key: id}}") + es("app", one("app")))
	b.holds("app", "v", "one")
	b.Apply(authStore("appRole: {roleRef: {name: approle, key: role}, secretRef: {name: approle, key: id}}"))
	b.storeIs("SecretStore", "vault", "True", "Valid")
	b.putOne("app", "two")
	b.Poke("app")
	b.holds("app", "v", "two")

	b.Apply(secretOf("approle", "role", role, "id", "wrong"))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "unable to validate store")
}

func TestKubernetesAuthOfAServiceAccount(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	if err := b.Vault.KubernetesAuth(t.Context(), b.Plane); err != nil {
		t.Fatal(err)
	}
	if err := b.Vault.KubernetesRole(t.Context(), b.NS, b.NS, "reader", b.rules()); err != nil {
		t.Fatal(err)
	}
	b.Apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader}}\n" +
		authStore("kubernetes: {mountPath: kubernetes, role: $NS, serviceAccountRef: {name: reader}}") + es("app", one("app")))
	b.holds("app", "v", "one")

	// The wrong service account is refused.
	b.Apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: other}}\n" +
		authStore("kubernetes: {mountPath: kubernetes, role: $NS, serviceAccountRef: {name: other}}"))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig")
	b.Apply(authStore("kubernetes: {mountPath: kubernetes, role: $NS, serviceAccountRef: {name: absent}}"))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "ServiceAccount "+b.NS+"/absent does not exist")
}

func TestJWTAuth(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	if err := b.Vault.JWTAuth(t.Context(), b.Plane); err != nil {
		t.Fatal(err)
	}
	if err := b.Vault.JWTRole(t.Context(), b.NS, b.NS, "reader", "vault", b.rules()); err != nil {
		t.Fatal(err)
	}
	b.Apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader}}\n" +
		authStore("jwt: {path: jwt, role: $NS, kubernetesServiceAccountToken: {serviceAccountRef: {name: reader}}}") + es("app", one("app")))
	b.holds("app", "v", "one")

	b.Apply(authStore("jwt: {role: $NS, kubernetesServiceAccountToken: {serviceAccountRef: {name: reader}, audiences: [other]}}"))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig")
	b.Apply(authStore("jwt: {role: $NS, kubernetesServiceAccountToken: {serviceAccountRef: {name: reader}, audiences: [vault], expirationSeconds: 1200}}"))
	b.storeIs("SecretStore", "vault", "True", "Valid")
}

func TestARotatedTokenIsUsedAtOnce(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	first, second := b.token(b.rules()), b.token(b.rules())
	const auth = "tokenSecretRef: {name: token, key: t}"
	b.Apply(secretOf("token", "t", first) + authStore(auth) + es("app", one("app")))
	b.holds("app", "v", "one")

	if err := b.Vault.Admin.Auth().Token().RevokeTreeWithContext(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	good := b.Secret("app")
	b.Poke("app")
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "unable to validate store")
	b.Failed("app", "could not get secret data from provider")
	b.putOne("app", "two")
	if got := b.holds("app", "v", "one"); got.UID != good.UID {
		t.Error("the last good Secret was replaced")
	}

	b.Apply(secretOf("token", "t", second))
	const lockout = 30 * time.Second
	within(t, lockout-5*time.Second, func() {
		b.storeIs("SecretStore", "vault", "True", "Valid")
		b.holds("app", "v", "two")
		b.Synced("app")
	})
}

func TestAStoreTrustsTheCAThatItNames(t *testing.T) {
	b := emptyBed(t)
	v, err := testkit.StartVault(t.Context(), testkit.VaultOptions{TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	if err := v.Put(t.Context(), "app", map[string]any{"v": "one"}); err != nil {
		t.Fatal(err)
	}
	store := func(name, ca string) string {
		return strings.NewReplacer("{name: vault}", "{name: "+name+"}", "path: secret,", "path: secret, "+ca+",").Replace(
			authStore("tokenSecretRef: {name: tls-token, key: t}") +
				es(name, "data: [{secretKey: v, remoteRef: {key: app, property: v}}]"))
	}
	b.VaultAddr = v.Addr
	ca := string(v.CACert)
	b.Apply(secretOf("tls-token", "t", v.RootToken) + secretOf("ca", "ca.crt", ca) +
		store("from-secret", "caProvider: {type: Secret, name: ca, key: ca.crt}") +
		store("from-config-map", "caProvider: {type: ConfigMap, name: ca, key: ca.crt}") +
		store("inline", "caBundle: "+base64.StdEncoding.EncodeToString(v.CACert)) +
		store("none", "version: v2"))
	b.holds("from-secret", "v", "one")
	b.holds("inline", "v", "one")
	b.storeIs("SecretStore", "none", "False", "InvalidProviderConfig", "certificate")
	b.storeIs("SecretStore", "from-config-map", "False", "InvalidProviderConfig", "ConfigMap "+b.NS+"/ca does not exist")

	// A ConfigMap that comes later is noticed, and its change too.
	b.Apply("\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: " + quoted(map[string]string{"ca.crt": ca}) + "\n")
	within(t, atOnce, func() { b.holds("from-config-map", "v", "one") })
	b.Apply("\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {other: x}\n")
	b.storeIs("SecretStore", "from-config-map", "False", "InvalidProviderConfig", `no key "ca.crt"`)
	b.Apply(secretOf("ca", "ca.crt", "no certificate"))
	b.storeIs("SecretStore", "from-secret", "False", "InvalidProviderConfig")
}

func TestAClusterStoreTakesCredentialsOfTheReader(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	b.Apply(clusterStore("provider: {vault: {server: $VAULT, path: secret, auth: {tokenSecretRef: {name: mine, key: t}}}}") +
		secretOf("mine", "t", b.token(b.rules())))
	b.storeIs("ClusterSecretStore", b.NS, "True", "ValidationUnknown")
	b.Apply(strings.ReplaceAll(es("app", one("app")), "{name: vault}", "{name: $NS, kind: ClusterSecretStore}"))
	b.holds("app", "v", "one")

	// A namespace without the Secret, or with a token of its own, has nothing
	// of it.
	other := testkit.Namespace(t, b.Plane)
	there := bed{&operatortest.Bed{Client: b.Client, T: t, Plane: b.Plane, Vault: b.Vault, NS: other, VaultAddr: b.VaultAddr}}
	reader := strings.NewReplacer("$NS/app", b.NS+"/app", "{name: vault}", "{name: "+b.NS+", kind: ClusterSecretStore}").Replace(es("app", one("app")))
	there.Apply(secretOf("mine", "t", b.token(there.rules())) + reader)
	there.Failed("app", "could not get secret data from provider", b.NS+"/app")
	if there.Secret("app") != nil {
		t.Error("one namespace read with the token of another")
	}
}

func TestAClusterStoreWithANamespaceInItsReference(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	home := testkit.Namespace(t, b.Plane)
	b.Apply("apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: " + home + "}\nstringData: {t: " + b.token(b.rules()) + "}\n" +
		clusterStore("provider: {vault: {server: $VAULT, path: secret, auth: {tokenSecretRef: {name: token, namespace: "+home+", key: t}}}}") +
		strings.ReplaceAll(es("app", one("app")), "{name: vault}", "{name: $NS, kind: ClusterSecretStore}"))
	b.storeIs("ClusterSecretStore", b.NS, "True", "Valid")
	b.holds("app", "v", "one")
}

// accountWith makes a service account that may read the Secrets of a
// namespace.
func accountWith(namespace string) string {
	return `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: ` + namespace + `}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: ` + namespace + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: $NS}]
`
}

func TestKubernetesAsTheStore(t *testing.T) {
	b := emptyBed(t)
	remote := testkit.Namespace(t, b.Plane)
	clients, err := kubernetes.NewForConfig(b.Plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	for name, labels := range map[string]map[string]string{"one": {"team": "a"}, "two": nil} {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: map[string][]byte{"v": []byte(name), "bin": {0xff, 0}}}
		if _, err := clients.CoreV1().Secrets(remote).Create(context.Background(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ca := base64.StdEncoding.EncodeToString(b.Plane.CACert())
	provider := func(name, more string) string {
		return "\n---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: " + name + "}\nspec:\n" +
			"  provider: {kubernetes: {remoteNamespace: " + remote + ", " + more + "}}\n"
	}
	account := "auth: {serviceAccount: {name: reader}}"
	b.Apply(accountWith(remote) + provider("vault", account) +
		provider("named", "server: {url: \""+b.Plane.URL()+"\", caBundle: "+ca+"}, "+account) +
		provider("default", "server: {url: kubernetes.default}, "+account))
	for _, name := range []string{"vault", "named", "default"} {
		b.storeIs("SecretStore", name, "True", "Valid")
	}
	b.run([]reads{
		{name: "data", spec: "data: [{secretKey: k, remoteRef: {key: one, property: v}}]", want: []string{"k", "one"}},
		{name: "extract", spec: "dataFrom: [{extract: {key: two}}]", want: []string{"v", "two", "bin", "\xff\x00"}},
		{name: "named", spec: "data: [{secretKey: k, remoteRef: {key: one, property: v}, sourceRef: {storeRef: {name: named}}}]", want: []string{"k", "one"}},
		{name: "missing", spec: "data: [{secretKey: k, remoteRef: {key: nope, property: v}}]", fails: []string{`"nope"`, "does not exist"}},
		{name: "label", spec: "data: [{secretKey: k, remoteRef: {key: one, metadataPolicy: Fetch, property: labels.team}}]", want: []string{"k", "a"}},
	})
	b.Apply(es("found", `dataFrom: [{find: {tags: {team: a}}}]`))
	b.Synced("found")
	if got := keys(b.Secret("found").Data); len(got) != 1 || got[0] != "one" {
		t.Errorf("found %q", got)
	}

	// Another namespace is out of the service account's reach.
	b.Apply(strings.Replace(provider("closed", account), remote, "kube-system", 1))
	b.storeIs("SecretStore", "closed", "False", "InvalidProviderConfig", "kube-system")
}

func TestFakeAsTheStore(t *testing.T) {
	b := emptyBed(t)
	b.Apply(`
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec:
  provider:
    fake:
      data:
      - {key: plain, value: x}
      - {key: versioned, value: first, version: v1}
      - {key: versioned, value: second, version: v2}
      - {key: /foo/map, value: '{"a": "1", "b": {"c": "2"}}'}
`)
	b.run([]reads{
		{name: "plain", spec: "data: [{secretKey: k, remoteRef: {key: plain}}]", want: []string{"k", "x"}},
		{name: "version", spec: "data: [{secretKey: k, remoteRef: {key: versioned, version: v1}}]", want: []string{"k", "first"}},
		{name: "property", spec: "data: [{secretKey: k, remoteRef: {key: /foo/map, property: b.c}}]", want: []string{"k", "2"}},
		{name: "extract", spec: "dataFrom: [{extract: {key: /foo/map}}]", want: []string{"a", "1", "b", `{"c": "2"}`}},
		{name: "find", spec: `dataFrom: [{find: {name: {regexp: "^pl"}}}]`, want: []string{"plain", "x"}},
		{name: "missing", spec: "data: [{secretKey: k, remoteRef: {key: nope}}]", fails: []string{`"nope"`}},
	})
}

func TestATokenWithMoreRightsIsUsedAtOnce(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	b.Apply(secretOf("token", "t", b.token(testkit.ReadOnly("secret/data/elsewhere"))) + authStore("tokenSecretRef: {name: token, key: t}") + es("app", one("app")))
	b.Failed("app", "could not get secret data from provider")
	// Some failures in a row, so that the next try by itself is far away.
	for range 4 {
		b.Poke("app")
		b.Failed("app", "could not get secret data from provider")
	}
	b.Apply(secretOf("token", "t", b.token(b.rules())))
	within(t, atOnce, func() { b.holds("app", "v", "one"); b.Synced("app") })
}

func TestAReadersCredentialThatComesLaterIsUsedAtOnce(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	b.Apply(clusterStore("provider: {vault: {server: $VAULT, path: secret, auth: {tokenSecretRef: {name: mine, key: t}}}}") +
		strings.ReplaceAll(es("app", one("app")), "{name: vault}", "{name: $NS, kind: ClusterSecretStore}"))
	b.Failed("app", "Secret "+b.NS+"/mine does not exist")
	b.Apply(secretOf("mine", "t", b.token(b.rules())))
	within(t, atOnce, func() { b.holds("app", "v", "one"); b.Synced("app") })
}
