package alone_test

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
)

// TestPrivilegedTypesAreMadeWhereTheOperatorAllowsIt, and what the cluster
// fills in stays.
func TestPrivilegedTypesAreMadeWhereTheOperatorAllowsIt(t *testing.T) {
	t.Parallel()
	for name, allow := range map[string]func(b bed) string{
		"here": func(b bed) string { return b.NS }, "everywhere": func(bed) string { return "*" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, 2048)
			b.serve(func(o *operator.Options) { o.Languages.Sealed.Privileged = []string{"elsewhere", allow(b)} })
			b.SealAndApply("boot", values{"token-id": "abcdef"}, `template: {type: bootstrap.kubernetes.io/token}`)
			if s := b.Holds("boot", values{"token-id": "abcdef"}); s.Type != corev1.SecretTypeBootstrapToken {
				t.Errorf("it is of type %s", s.Type)
			}

			b.Must(b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: b.NS, Name: "app"}}))
			token := func(label string) {
				b.SealAndApply("token", values{"k": "v"}, `
template:
  type: kubernetes.io/service-account-token
  metadata: {labels: {l: `+label+`}, annotations: {kubernetes.io/service-account.name: app}}`)
				b.Synced("token")
			}
			token("one")
			var filled *corev1.Secret
			b.Eventually(func() error {
				filled = b.Secret("token")
				return check(filled != nil && len(filled.Data["token"]) > 0, "the cluster has not filled it in")
			})
			token("two")
			before := b.keeps(filled, "two")
			// A value of its own comes back.
			edited := before.DeepCopy()
			edited.Data["k"] = []byte("edited")
			b.Must(b.Patch(t.Context(), edited, client.MergeFrom(before)))
			b.keeps(filled, "two")
		})
	}
}

// keeps waits for the value and the label of the SealedSecret on the Secret,
// which is filled in as it was before.
func (b bed) keeps(filled *corev1.Secret, label string) *corev1.Secret {
	b.T.Helper()
	var s *corev1.Secret
	b.Eventually(func() error {
		s = b.Secret("token")
		return check(string(s.Data["k"]) == "v" && s.Labels["l"] == label, "it is labelled %v", s.Labels)
	})
	for _, k := range []string{"token", "ca.crt", "namespace"} {
		if !bytes.Equal(s.Data[k], filled.Data[k]) {
			b.T.Errorf("%s is another", k)
		}
	}
	return s
}
