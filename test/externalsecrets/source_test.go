package externalsecrets_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// A Secret that is read stays as it is, whatever happens to what is made of
// it, also where the target has its name.
func TestASourceIsNeverTouched(t *testing.T) {
	b := emptyBed(t)
	remote := testkit.Namespace(t, b.Plane)
	source := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: remote, Name: "app", Labels: map[string]string{"theirs": "yes"}},
		StringData: map[string]string{"v": "one"},
	}
	if err := b.Create(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	untouched := func(when string) {
		t.Helper()
		now := &corev1.Secret{}
		if err := b.Get(t.Context(), types.NamespacedName{Namespace: remote, Name: "app"}, now); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if now.ResourceVersion != source.ResourceVersion {
			t.Errorf("%s: the source was written: %v", when, now.ObjectMeta)
		}
	}
	b.Apply(accountWith(remote) + `
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec:
  provider: {kubernetes: {remoteNamespace: ` + remote + `, auth: {serviceAccount: {name: reader}}}}
`)
	const all = "dataFrom: [{extract: {key: app}}]"
	b.Apply(es("app", target("Owner", "")+all))
	s := b.holds("app", "v", "one")
	b.Synced("app")
	untouched("after a sync")

	b.change(s, func() { s.Data = map[string][]byte{"v": []byte("edited")} })
	b.holds("app", "v", "one")
	untouched("after a repair")

	b.Apply(es("app", target("Owner", ", name: other")+all))
	b.holds("other", "v", "one")
	b.Eventually(func() error {
		if b.Secret("app") != nil {
			return fmt.Errorf("the former target is still there")
		}
		return nil
	})
	untouched("after the target of the same name went")

	b.remove(b.ExternalSecret("app"))
	b.Eventually(func() error {
		if b.Secret("other") != nil {
			return fmt.Errorf("the target is still there")
		}
		return nil
	})
	untouched("after the object went")
}
