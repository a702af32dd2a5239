package migration

import (
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

const (
	dataHash  = "reconcile.external-secrets.io/data-hash"
	finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup"
)

const app = `
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: app
  finalizers: [` + finalizer + `]
spec:
  secretStoreRef: {name: vault}
  target: {template: {}} # keeps annotations out of the Secret
  data:
  - secretKey: password
    remoteRef: {key: $NS/db, property: password}
`

// left returns a bed in which External Secrets has worked and is gone, and the
// Secret that it left.
func left(t *testing.T) (*operatortest.Bed, *corev1.Secret) {
	t.Helper()
	b := operatortest.WithoutOperator(t)
	b.Put("db", map[string]any{"password": "one"})
	b.Apply(operatortest.VaultStore + app)
	es := b.ExternalSecret("app")
	if es.Spec.RefreshInterval != "1h0m0s" || es.Spec.Target.CreationPolicy != "Owner" {
		t.Fatalf("the definitions are not the original's: %+v", es.Spec)
	}
	by := sha3.Sum224([]byte(b.NS + "/app"))
	yes := true
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.NS, Name: "app",
			Labels: map[string]string{
				"reconcile.external-secrets.io/managed":    "true",
				"reconcile.external-secrets.io/created-by": hex.EncodeToString(by[:]),
			},
			Annotations: map[string]string{dataHash: "0123"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "external-secrets.io/v1", Kind: "ExternalSecret", Name: "app", UID: es.UID,
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Data: map[string][]byte{"password": []byte("one")},
	}
	err := b.Create(t.Context(), secret, client.FieldOwner("externalsecrets.external-secrets.io/app"))
	if err != nil {
		t.Fatal(err)
	}
	return b, secret
}

// synced waits for a success that is not the one given, and returns what tells
// it from others. These definitions know no observedGeneration.
func synced(b *operatortest.Bed, before string) (now string) {
	b.T.Helper()
	b.Eventually(func() error {
		status := b.ExternalSecret("app").Status
		now = status.SyncedResourceVersion
		if now == before || len(status.Conditions) != 1 || status.Conditions[0].Reason != "SecretSynced" {
			return fmt.Errorf("no other success than %q; %s", before, b.States())
		}
		if status.ObservedGeneration != 0 {
			return fmt.Errorf("the definitions are not the original's: %+v", status)
		}
		return nil
	})
	return now
}

func serve(b *operatortest.Bed) (stop func()) {
	_, stop = b.Operate(func(o *operator.Options) { o.Namespaces = []string{b.NS} })
	return stop
}

// TestASecretLosesItsDigestAndNothingElse: the original's digest, which short
// values can be guessed from, goes at once, and after that nothing is written.
func TestASecretLosesItsDigestAndNothingElse(t *testing.T) {
	t.Parallel()
	b, before := left(t)
	stop := serve(b)
	first := synced(b, "")
	stop()
	taken := b.Secret("app")
	if taken == nil || taken.UID != before.UID || string(taken.Data["password"]) != "one" ||
		!maps.Equal(taken.Labels, before.Labels) || len(taken.Annotations) != 0 ||
		len(taken.OwnerReferences) != 1 || taken.OwnerReferences[0].UID != before.OwnerReferences[0].UID {
		t.Fatalf("it was\n%+v\nand is\n%+v", before, taken)
	}

	serve(b) // and knows no more than what the status says
	b.Poke("app")
	synced(b, first)
	if now := b.Secret("app"); now.ResourceVersion != taken.ResourceVersion {
		t.Errorf("it was written again: %+v", now)
	}
}

func TestTheOriginalsFinalizerHoldsNothing(t *testing.T) {
	t.Parallel()
	b, _ := left(t)
	serve(b)
	synced(b, "")
	es := &esv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}
	if err := b.Delete(t.Context(), es); err != nil {
		t.Fatal(err)
	}
	b.Eventually(func() error {
		err := b.Get(t.Context(), client.ObjectKeyFromObject(es), es)
		if err == nil {
			return fmt.Errorf("the ExternalSecret is still there, with finalizers %v", es.Finalizers)
		}
		return client.IgnoreNotFound(err)
	})
	b.Eventually(func() error {
		if b.Secret("app") != nil {
			return fmt.Errorf("the Secret of an ExternalSecret that is gone is still there")
		}
		return nil
	})
}
