package original_test

import (
	"context"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// bed counts the way to Vault.
type bed struct {
	*operatortest.Bed
	proxy *testkit.Proxy
}

// newBed is a bed with the original's definitions and no operator.
func newBed(t *testing.T) bed {
	t.Helper()
	b := operatortest.WithoutOperator(t)
	if err := b.Plane.InstallCRDs(t.Context(), definitions(t)); err != nil {
		t.Fatal(err)
	}
	proxy := testkit.NewProxy(t, b.Vault.Addr, nil)
	b.VaultAddr = proxy.URL
	b.Apply(operatortest.VaultStore)
	return bed{b, proxy}
}

func (b bed) operate() (stop func()) {
	_, stop = b.Operate(func(o *operator.Options) { o.Namespaces = []string{b.NS} })
	return stop
}

// ready waits for a Ready condition; these definitions keep no generation.
func (b bed) ready(name string, status corev1.ConditionStatus, reason string, parts ...string) {
	b.T.Helper()
	b.Eventually(func() error {
		for _, c := range b.ExternalSecret(name).Status.Conditions {
			ok := c.Type == "Ready" && c.Status == status && c.Reason == reason
			for _, p := range parts {
				ok = ok && strings.Contains(c.Message, p)
			}
			if ok {
				return nil
			}
		}
		return errors.New(b.States())
	})
}

func (b bed) reads(key string) int { return b.proxy.Counts()["/v1/secret/data/"+b.NS+"/"+key] }

func es(name, spec string) string {
	return "\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: " + name + "}\nspec:\n" +
		"  secretStoreRef: {name: vault}\n  " + strings.ReplaceAll(strings.Trim(spec, "\n"), "\n", "\n  ") + "\n"
}

const (
	// yearly is far off: of an hour the next tick may be any moment.
	yearly = "refreshInterval: 8760h\n"
	bare   = "target: {template: {}}\n"
	one    = "data: [{secretKey: v, remoteRef: {key: $NS/app, property: v}}]"
)

func TestTheLanguageStartsWhenItsDefinitionsAppear(t *testing.T) {
	b := operatortest.WithoutOperator(t)
	out, _ := b.Operate(func(*operator.Options) {})
	b.Eventually(func() error {
		if !strings.Contains(out.String(), "waiting for the CustomResourceDefinitions") {
			return errors.New("the operator does not say that it waits")
		}
		return nil
	})
	if err := b.Plane.InstallCRDs(t.Context(), definitions(t)); err != nil {
		t.Fatal(err)
	}
	b.Put("app", map[string]any{"v": "one"})
	b.Apply(operatortest.VaultStore + es("app", one))
	b.Holds("app", map[string]string{"v": "one"})
}

func TestTheMainRoadOnTheOriginalsDefinitions(t *testing.T) {
	b := newBed(t)
	b.Put("app", map[string]any{"v": "one", "user": "ann"})
	b.Put("tick", map[string]any{"v": "0"})
	b.Apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {text: "of {{ .user }}"}
` + es("plain", yearly+bare+one) + es("template", yearly+`
target: {template: {templateFrom: [{configMap: {name: texts, items: [{key: text}]}}]}}
dataFrom: [{extract: {key: $NS/app}}]`) + es("merge", yearly+bare+`
dataFrom: [{find: {path: $NS, name: {regexp: app}}, rewrite: [{merge: {}}]}]`) +
		es("missing", bare+"data: [{secretKey: v, remoteRef: {key: $NS/nope}}]") +
		es("tick", "refreshInterval: 1s\n"+bare+"data: [{secretKey: v, remoteRef: {key: $NS/tick, property: v}}]"))
	b.operate()
	b.Holds("plain", map[string]string{"v": "one"})
	b.Holds("template", map[string]string{"text": "of ann"})
	b.Holds("merge", map[string]string{"v": "one", "user": "ann"})
	for _, name := range []string{"plain", "template", "merge"} {
		b.ready(name, corev1.ConditionTrue, "SecretSynced", "secret synced")
	}
	b.ready("missing", corev1.ConditionFalse, "SecretSyncedError", "could not get secret data from provider", "nope")
	if got := b.ExternalSecret("missing"); got.Spec.RefreshInterval != "1h0m0s" || got.Spec.Target.CreationPolicy != "Owner" || got.Status.ObservedGeneration != 0 {
		t.Fatalf("these are not the original's definitions: %+v", got)
	}

	// Nothing runs in circles.
	before, reads := b.ExternalSecret("plain"), b.reads("app")
	store := b.store()
	for i := range 3 {
		value := fmt.Sprint(i)
		b.Put("tick", map[string]any{"v": value})
		b.Holds("tick", map[string]string{"v": value})
	}
	if after := b.ExternalSecret("plain"); after.ResourceVersion != before.ResourceVersion {
		t.Error("an object is written though nothing happened")
	}
	if b.store().ResourceVersion != store.ResourceVersion {
		t.Error("a store is written though nothing happened")
	}
	if n := b.reads("app"); n != reads {
		t.Errorf("Vault was asked %d times more", n-reads)
	}
	b.Put("app", map[string]any{"v": "two", "user": "bob"})
	b.Poke("plain")
	b.Holds("plain", map[string]string{"v": "two"})
	s := b.Secret("plain")
	if err := b.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	b.Holds("plain", map[string]string{"v": "two"})
}

func (b bed) store() *esv1.SecretStore {
	b.T.Helper()
	s := &esv1.SecretStore{}
	if err := b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: "vault"}, s); err != nil {
		b.T.Fatal(err)
	}
	return s
}

func digest(s string) string {
	sum := sha3.Sum224([]byte(s))
	return hex.EncodeToString(sum[:])
}

// left makes an object and its Secret as the original leaves them.
func (b bed) left(name, spec, value string) (*esv1.ExternalSecret, *corev1.Secret) {
	b.T.Helper()
	b.Apply(es(name, spec+one))
	obj := b.ExternalSecret(name)
	patch := client.MergeFrom(obj.DeepCopy())
	obj.Finalizers = []string{"externalsecrets.external-secrets.io/externalsecret-cleanup"}
	if err := b.Patch(b.T.Context(), obj, patch); err != nil {
		b.T.Fatal(err)
	}
	patch = client.MergeFrom(obj.DeepCopy())
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	obj.Status = esv1.ExternalSecretStatus{
		RefreshTime:           &now,
		SyncedResourceVersion: fmt.Sprintf("%d-%s", obj.Generation, digest("{annotations:map[] labels:map[]}")),
		Binding:               &esv1.Binding{Name: name},
		Conditions: []esv1.Condition{{Type: "Ready", Status: corev1.ConditionTrue, Reason: "SecretSynced",
			Message: "secret synced", LastTransitionTime: now}},
	}
	if err := b.Status().Patch(b.T.Context(), obj, patch); err != nil {
		b.T.Fatal(err)
	}
	yes := true
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.NS, Name: name,
			Labels: map[string]string{
				"reconcile.external-secrets.io/managed":    "true",
				"reconcile.external-secrets.io/created-by": digest(b.NS + "/" + name),
			},
			Annotations: map[string]string{"reconcile.external-secrets.io/data-hash": digest("map[v:" + value + "]")},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret",
				Name: name, UID: obj.UID, Controller: &yes, BlockOwnerDeletion: &yes}},
		},
		Data: map[string][]byte{"v": []byte(value)},
	}
	if err := b.Create(b.T.Context(), s, client.FieldOwner("externalsecrets.external-secrets.io/"+name)); err != nil {
		b.T.Fatal(err)
	}
	return obj, s
}

// taken waits until the operator has looked at the objects that were there:
// it has served one that came after them twice.
func (b bed) taken() {
	b.T.Helper()
	b.Apply(es("mark", bare+one))
	b.ready("mark", corev1.ConditionTrue, "SecretSynced")
	b.Poke("mark")
	b.ready("mark", corev1.ConditionTrue, "SecretSynced")
}

func TestTheOriginalsObjectsEndAsTheyShould(t *testing.T) {
	b := newBed(t)
	b.Put("app", map[string]any{"v": "one"})
	obj, _ := b.left("app", bare, "one")
	store := b.store()
	patch := client.MergeFrom(store.DeepCopy())
	store.Finalizers = []string{"secretstore.externalsecrets.io/finalizer"}
	if err := b.Patch(t.Context(), store, patch); err != nil {
		t.Fatal(err)
	}
	b.operate()
	b.taken()
	for _, o := range []client.Object{obj, store} {
		if err := b.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		b.Eventually(func() error {
			if err := b.Get(context.Background(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s is still there (%w), with %v", o.GetName(), err, o.GetFinalizers())
			}
			return nil
		})
	}
}

func TestWhatTheOriginalSyncedIsTrueAndChanges(t *testing.T) {
	b := newBed(t)
	b.Put("app", map[string]any{"v": "one"})
	b.left("app", bare, "one")
	b.operate()
	b.taken()
	b.Put("app", map[string]any{"v": "two"})
	b.Poke("app")
	s := b.Holds("app", map[string]string{"v": "two"})
	if h, there := s.Annotations["reconcile.external-secrets.io/data-hash"]; there {
		t.Errorf("the original's digest %s of the former data is still there", h)
	}
}
