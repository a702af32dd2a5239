package externalsecrets_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func patchTags(tags map[string]any) api.KVMetadataPatchInput {
	return api.KVMetadataPatchInput{CustomMetadata: tags}
}

// fakeStore is a SecretStore that holds the pairs of keys and values.
func fakeStore(name string, pairs ...string) string {
	return "\n---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: " + name + "}\n" +
		"spec: {provider: " + fake(pairs...) + "}\n"
}

// fake is a provider that holds the pairs of keys and values.
func fake(pairs ...string) string {
	var data []string
	for i := 0; i < len(pairs); i += 2 {
		data = append(data, fmt.Sprintf("{key: %s, value: %s}", quoted(pairs[i]), quoted(pairs[i+1])))
	}
	return "{fake: {data: [" + strings.Join(data, ", ") + "]}}"
}

// clusterStore is a ClusterSecretStore named after the test's namespace, with
// this spec.
func clusterStore(spec string) string {
	return "\n---\napiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {name: $NS}\nspec:\n" + indent(spec, "  ")
}

// readFake reads the key k of a store.
func readFake(name, store, kind string) string {
	return "\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: " + name + "}\nspec:\n" +
		"  secretStoreRef: {name: " + store + ", kind: " + kind + "}\n  target: {" + bare + "}\n" +
		"  data: [{secretKey: v, remoteRef: {key: k}}]\n"
}

// storeIs waits until the store's Ready condition is so, for its present
// generation.
func (b bed) storeIs(kind, name string, status corev1.ConditionStatus, reason string, parts ...string) {
	b.T.Helper()
	b.Eventually(func() error {
		var st *esv1.SecretStoreStatus
		var obj client.Object
		if kind == "SecretStore" {
			s := &esv1.SecretStore{}
			st, obj = &s.Status, s
		} else {
			s := &esv1.ClusterSecretStore{}
			st, obj = &s.Status, s
		}
		key := types.NamespacedName{Name: name}
		if kind == "SecretStore" {
			key.Namespace = b.NS
		}
		if err := b.Get(b.T.Context(), key, obj); err != nil {
			return err
		}
		for _, c := range st.Conditions {
			ok := c.Type == "Ready" && c.Status == status && c.Reason == reason && st.ObservedGeneration == obj.GetGeneration()
			for _, p := range parts {
				ok = ok && strings.Contains(c.Message, p)
			}
			if ok {
				return nil
			}
		}
		return fmt.Errorf("%s %s has %s, want %s %s %q", kind, name, quoted(st), status, reason, parts)
	})
}

func TestStoresSayWhetherTheyCanBeUsed(t *testing.T) {
	b := vaultBed(t)
	validation := func(n string) string {
		return strings.ReplaceAll(fakeStore("v"+n, "k", "x"), "{fake: {", "{fake: {validationResult: "+n+", ")
	}
	b.Apply(validation("0") + validation("1") + validation("2"))
	b.storeIs("SecretStore", "vault", "True", "Valid", "store validated")
	b.storeIs("SecretStore", "v0", "True", "Valid", "store validated")
	b.storeIs("SecretStore", "v1", "True", "ValidationUnknown")
	b.storeIs("SecretStore", "v2", "False", "InvalidProviderConfig", "unable to validate store")
	b.Event("vault", "Valid", "store validated")
	b.Event("v1", "ValidationUnknown")
	b.Event("v2", "InvalidProviderConfig")

	b.Apply(readFake("one", "v1", "SecretStore") + readFake("two", "v2", "SecretStore"))
	b.holds("one", "v", "x")
	b.Failed("two", "could not get secret data from provider", `SecretStore "v2" is not ready`)

	b.Apply(vaultStore("refused", "$VAULT", "hvs.wrong"))
	b.storeIs("SecretStore", "refused", "False", "InvalidProviderConfig", "unable to validate store")
	b.Apply(vaultStore("down", "http://127.0.0.1:1", "x"))
	b.storeIs("SecretStore", "down", "False", "InvalidProviderConfig", "unable to validate store", "127.0.0.1:1")
}

// vaultStore is a SecretStore with a token of its own.
func vaultStore(name, server, token string) string {
	return strings.NewReplacer("vault-token", name+"-token", "name: vault}", "name: "+name+"}",
		"$TOKEN", token, "$VAULT", server).Replace("---" + operatortest.VaultStore)
}

func TestAStoreThatComesLaterWakesItsObjects(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	b.Apply(readFake("late", "late", "SecretStore") + es("app", one("app")) + readFake("cluster", "$NS", "ClusterSecretStore"))
	b.Failed("late", "could not get secret data from provider", `could not get SecretStore "late"`, "does not exist")
	b.Failed("cluster", `could not get ClusterSecretStore "`+b.NS+`"`)
	b.Failed("app", `SecretStore "vault"`)

	b.Apply(fakeStore("late", "k", "x"))
	within(t, atOnce, func() { b.holds("late", "v", "x"); b.Synced("late") })
	b.Apply(clusterStore("provider: " + fake("k", "y")))
	within(t, atOnce, func() { b.holds("cluster", "v", "y"); b.Synced("cluster") })
	b.Apply(operatortest.VaultStore)
	within(t, atOnce, func() { b.holds("app", "v", "one"); b.Synced("app") })

	b.Apply(fakeStore("late", "k", "changed"))
	within(t, atOnce, func() { b.holds("late", "v", "changed") })
	b.Apply(clusterStore("provider: " + fake("k", "changed")))
	within(t, atOnce, func() { b.holds("cluster", "v", "changed") })

	good := b.Secret("late")
	store := &esv1.SecretStore{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "late"}}
	b.remove(store)
	b.Failed("late", `could not get SecretStore "late"`)
	b.stays(good)
}

func TestAStoreThatBecomesReadyWakesItsObjects(t *testing.T) {
	b := emptyBed(t)
	b.putOne("app", "one")
	_, store, _ := strings.Cut(operatortest.VaultStore, "---")
	b.Apply(store + es("app", one("app")))
	b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "vault-token does not exist")
	b.Failed("app", `SecretStore "vault" is not ready`, "vault-token does not exist")
	b.Apply(operatortest.VaultStore)
	within(t, atOnce, func() { b.holds("app", "v", "one"); b.Synced("app") })
}

func TestConditionsOfAClusterStore(t *testing.T) {
	for name, c := range map[string]struct{ no, yes string }{
		"by name":        {"namespaces: [elsewhere]", "namespaces: [elsewhere, $NS]"},
		"by regex":       {`namespaceRegexes: ["^elsewhere-.*$"]`, `namespaceRegexes: ["^elsewhere$", "^t-testcond"]`},
		"by selector":    {"namespaceSelector: {matchLabels: {team: a}}", "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NS}}"},
		"by expressions": {"namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}", "namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}"},
		"by any":         {"namespaces: [elsewhere]}, {namespaceRegexes: [\"^else\"]", "namespaces: [elsewhere]}, {namespaceRegexes: [\"^t-testcond\"]"},
	} {
		t.Run(name, func(t *testing.T) {
			b := emptyBed(t)
			store := func(condition string) string {
				return clusterStore("conditions: [{" + condition + "}]\nprovider: " + fake("k", "x"))
			}
			b.Apply(store(c.no) + readFake("app", "$NS", "ClusterSecretStore"))
			b.Failed("app", "could not get secret data from provider",
				fmt.Sprintf("using cluster store %q is not allowed from namespace %q: denied by spec.condition", b.NS, b.NS))
			b.Apply(store(c.yes))
			within(t, atOnce, func() { b.holds("app", "v", "x"); b.Synced("app") })
		})
	}
}

func TestANamespaceThatGainsTheLabelIsLetInAtOnce(t *testing.T) {
	b := emptyBed(t)
	b.Apply(clusterStore("conditions: [{namespaceSelector: {matchLabels: {team: a}}}]\nprovider: "+fake("k", "x")) +
		readFake("app", "$NS", "ClusterSecretStore"))
	b.Failed("app", "denied by spec.condition")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.NS}}
	b.change(ns, func() { ns.Labels = map[string]string{"team": "a"} })
	within(t, atOnce, func() { b.holds("app", "v", "x"); b.Synced("app") })
	good := b.Secret("app")
	b.change(ns, func() { ns.Labels["team"] = "b" })
	b.Failed("app", "denied by spec.condition")
	b.stays(good)
}

func TestAStoreOfAnotherClassLeavesEverythingAlone(t *testing.T) {
	b := emptyBed(t)
	other := strings.Replace(fakeStore("other", "k", "x"), "spec: {", "spec: {controller: somebody, ", 1)
	ours := strings.Replace(fakeStore("ours", "k", "x"), "spec: {", "spec: {controller: default, ", 1)
	b.Apply(other + ours + readFake("other", "other", "SecretStore") + readFake("ours", "ours", "SecretStore"))
	b.holds("ours", "v", "x")
	b.Poke("other")
	b.sync("ours")
	b.storeIs("SecretStore", "ours", "True", "Valid")
	if s := b.ExternalSecret("other").Status; quoted(s) != "{}" {
		t.Errorf("the object has the status %s", quoted(s))
	}
	store := &esv1.SecretStore{}
	if err := b.Get(t.Context(), types.NamespacedName{Namespace: b.NS, Name: "other"}, store); err != nil {
		t.Fatal(err)
	}
	if quoted(store.Status) != "{}" || b.Secret("other") != nil {
		t.Errorf("the store has the status %s", quoted(store.Status))
	}

	// It is ours as soon as the store is.
	b.Apply(fakeStore("other", "k", "x"))
	within(t, atOnce, func() { b.holds("other", "v", "x") })
}

func TestRetrySettings(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		calls    int
	}{
		"none": {"{maxRetries: 0, retryInterval: 1ms}", 1},
		"four": {"{maxRetries: 4, retryInterval: 1ms}", 5},
	} {
		t.Run(name, func(t *testing.T) {
			b, proxy := proxiedBed(t)
			b.putOne("app", "one")
			b.Apply(strings.Replace(operatortest.VaultStore, "\nspec:\n", "\nspec:\n  retrySettings: "+c.settings+"\n", 1))
			b.storeIs("SecretStore", "vault", "True", "Valid")
			path := "/v1/secret/data/" + b.NS + "/app"
			// The first call of the next run waits until these are counted.
			counted, n := make(chan struct{}), atomic.Int32{}
			fault := testkit.Status(503, nil, `{"errors":["busy"]}`)
			fault.Match = func(r *http.Request) bool {
				if r.URL.Path != path {
					return false
				}
				if int(n.Add(1)) > c.calls {
					select {
					case <-counted:
					case <-r.Context().Done():
					}
				}
				return true
			}
			proxy.Set(fault)
			b.Apply(es("app", one("app")))
			b.Failed("app", "busy")
			if n := int(n.Load()); n != c.calls && n != c.calls+1 {
				t.Errorf("%d calls, want %d a run", n, c.calls)
			}
			close(counted)
			proxy.Set(testkit.None)
			b.holds("app", "v", "one")
		})
	}
}

func TestAStoreIsCheckedAsOftenAsItAsks(t *testing.T) {
	for name, interval := range map[string]string{"seconds": "1", "duration": "1s"} {
		t.Run(name, func(t *testing.T) {
			b, proxy := proxiedBed(t)
			b.Apply(strings.Replace(operatortest.VaultStore, "\nspec:\n", "\nspec:\n  refreshInterval: "+interval+"\n", 1))
			b.storeIs("SecretStore", "vault", "True", "Valid")
			proxy.Set(testkit.Down())
			b.storeIs("SecretStore", "vault", "False", "InvalidProviderConfig", "unable to validate store")
			proxy.Set(testkit.None)
			b.storeIs("SecretStore", "vault", "True", "Valid")
		})
	}
}
