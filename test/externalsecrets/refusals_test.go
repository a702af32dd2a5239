package externalsecrets_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestWhatIsNotServedIsRefusedByName(t *testing.T) {
	b := vaultBed(t)
	b.putOne("app", "one")
	b.run([]reads{
		{name: "generator", spec: "dataFrom: [{sourceRef: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: p}}}]",
			fails: []string{"could not get secret data from provider", "spec.dataFrom[0].sourceRef.generatorRef", "Password", "not served yet"}},
		{name: "generator-data", spec: "data: [{secretKey: k, remoteRef: {key: k}, sourceRef: {generatorRef: {kind: UUID, name: p}}}]",
			fails: []string{"spec.data[0].sourceRef.generatorRef", "UUID"}},
		{name: "manifest", spec: "target: {manifest: {apiVersion: v1, kind: ConfigMap}}" + one("app"),
			fails: []string{"spec.target.manifest", "ConfigMap"}},
		{name: "windows", spec: `syncWindows: {kind: deny, windows: [{schedule: "0 2 * * *", duration: 2h}]}` + one("app"),
			fails: []string{"spec.syncWindows", "not served yet"}},
		{name: "nothing", spec: "target: {name: other}", fails: []string{"neither data nor dataFrom"}},
		{name: "both", spec: "dataFrom: [{extract: {key: a}, find: {name: {regexp: b}}}]", fails: []string{"spec.dataFrom[0]", "extract and find"}},
		{name: "twice", spec: "data: [{secretKey: k, remoteRef: {key: a}}, {secretKey: k, remoteRef: {key: b}}]", fails: []string{"spec.data[1].secretKey", "duplicate secretKey"}},
		{name: "all", spec: "dataFrom: [{find: {}}]", fails: []string{"spec.dataFrom[0].find"}},
	})
	b.Event("manifest", "UpdateFailed", "spec.target.manifest")

	// With the field gone it works at once.
	b.Apply(es("windows", one("app")))
	within(t, atOnce, func() { b.holds("windows", "v", "one"); b.Synced("windows") })
}

// awsStore has fields that we know nothing of.
const awsStore = `
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: aws}
spec:
  provider:
    aws:
      service: SecretsManager
      region: eu-west-1
      role: arn:aws:iam::123456789012:role/reader
      additionalRoles: [arn:aws:iam::123456789012:role/second]
      auth: {jwt: {serviceAccountRef: {name: reader}}}
`

func TestAProviderThatIsNotServedIsKeptAndRefused(t *testing.T) {
	b := emptyBed(t)
	b.Apply(awsStore + readFake("app", "aws", "SecretStore"))
	b.storeIs("SecretStore", "aws", "False", "InvalidProviderConfig", "unable to create client", "spec.provider.aws", "not served yet")
	b.Failed("app", "could not get secret data from provider", `SecretStore "aws" is not ready`, "spec.provider.aws")
	if diff := b.differs(awsStore); diff != "" {
		t.Error(diff)
	}
}

func TestAWayToLogInThatIsNotServedIsKeptAndRefused(t *testing.T) {
	b := emptyBed(t)
	for method, fields := range map[string]string{
		"ldap":     "{path: ldap, username: ann, secretRef: {name: s, key: k}}",
		"userPass": "{path: userpass, username: ann, secretRef: {name: s, key: k}}",
		"cert":     "{path: cert, clientCert: {name: s, key: k}, secretRef: {name: s, key: l}}",
		"iam":      "{path: aws, region: eu-west-1, vaultRole: r, secretRef: {accessKeyIDSecretRef: {name: s, key: k}}}",
		"gcp":      "{path: gcp, role: r, projectID: p, secretRef: {secretAccessKeySecretRef: {name: s, key: k}}}",
	} {
		store := strings.Replace(authStore(method+": "+fields), "name: vault}", "name: "+strings.ToLower(method)+"}", 1)
		b.Apply(store)
		b.storeIs("SecretStore", strings.ToLower(method), "False", "InvalidProviderConfig", "spec.provider.vault.auth."+method, "not served yet")
		if diff := b.differs(store); diff != "" {
			t.Error(diff)
		}
	}
	b.Apply(authStore("tokenSecretRef: {name: s, key: k}, appRole: {path: a, roleId: r, secretRef: {name: s, key: k}}"))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "spec.provider.vault.auth", "appRole", "tokenSecretRef")
}

func TestTwoProvidersInOneStoreAreRefused(t *testing.T) {
	b := emptyBed(t)
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
		"metadata": map[string]any{"name": "two", "namespace": b.NS},
		"spec":     map[string]any{"provider": map[string]any{"fake": map[string]any{"data": []any{}}, "aws": map[string]any{}}},
	}}
	if err := b.Create(t.Context(), obj); err == nil {
		t.Error("the API server took it")
	}
}

func TestAStoreCannotReachIntoAnotherNamespace(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	other := testkit.Namespace(t, b.Plane)
	b.Apply("apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: " + other + "}\nstringData: {t: $TOKEN}\n" +
		authStore("tokenSecretRef: {name: token, namespace: "+other+", key: t}") + es("app", one("app")))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "spec.provider.vault.auth.tokenSecretRef.namespace", other)
	b.Failed("app", `SecretStore "vault" is not ready`)
	if b.Secret("app") != nil {
		t.Error("it read with the credentials of another namespace")
	}
	for name, provider := range map[string]string{
		"ca":      "vault: {server: $VAULT, caProvider: {type: ConfigMap, name: ca, key: k, namespace: " + other + "}, auth: {tokenSecretRef: {name: token, key: t}}}",
		"account": "vault: {server: $VAULT, auth: {kubernetes: {mountPath: kubernetes, role: r, serviceAccountRef: {name: default, namespace: " + other + "}}}}",
		"kube":    "kubernetes: {auth: {serviceAccount: {name: default, namespace: " + other + "}}}",
	} {
		b.Apply("\n---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: " + name + "}\nspec:\n  provider: {" + provider + "}\n")
		b.storeIs("SecretStore", name, "False", "InvalidProviderConfig", ".namespace", other)
	}
	// A cluster store names the namespace of its authority, or the reader
	// could vouch for a server of its own.
	b.Apply(clusterStore("provider: {vault: {server: $VAULT, caProvider: {type: ConfigMap, name: ca, key: k}, auth: {tokenSecretRef: {name: token, key: t}}}}"))
	b.storeIs("ClusterSecretStore", b.NS, "False", "InvalidProviderConfig", "spec.provider.vault.caProvider.namespace")
}

// read returns a live object.
func (b bed) read(want *unstructured.Unstructured) *unstructured.Unstructured {
	b.T.Helper()
	got := &unstructured.Unstructured{}
	got.SetGroupVersionKind(want.GroupVersionKind())
	key := types.NamespacedName{Name: want.GetName()}
	if want.GetKind() != "ClusterSecretStore" {
		key.Namespace = b.NS
	}
	if err := b.Get(b.T.Context(), key, got); err != nil {
		b.T.Fatal(err)
	}
	return got
}
