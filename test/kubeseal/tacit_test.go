package kubeseal_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// TestTacitsOwnCommandsGoTheSameWay, as somebody without rights, and are told
// why something does not open.
func TestTacitsOwnCommandsGoTheSameWay(t *testing.T) {
	b := newBed(t)
	b.online()
	cfg, err := clientcmd.BuildConfigFromFlags("", b.user)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := seal.NewCluster(cfg, "kube-system", "sealed-secrets-controller")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := cluster.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := sealing.Generate(2048, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	object := func(cert sealing.Certificate) *v1alpha1.SealedSecret {
		entry, err := sealing.Seal(rand.Reader, []sealing.Certificate{cert}, b.ns+"/db", secret.NewString("pw"))
		if err != nil {
			t.Fatal(err)
		}
		return &v1alpha1.SealedSecret{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: v1alpha1.SealedSecretKind},
			ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "db"},
			Spec:       v1alpha1.SealedSecretSpec{EncryptedData: v1alpha1.EncryptedData{"password": entry}},
		}
	}
	if err := cluster.Open(t.Context(), object(ours)); err != nil {
		t.Error(err)
	}
	templated := object(ours)
	templated.Spec.Template.Data = map[string]string{"password": "{{ .password }}"}
	for _, o := range []*v1alpha1.SealedSecret{object(ours), templated} {
		if out, err := cluster.Reseal(t.Context(), o); err != nil || out["password"] == "" {
			t.Errorf("%v %v", out, err)
		}
	}
	if err := cluster.Open(t.Context(), object(other)); err == nil || !strings.Contains(err.Error(), "it was sealed for another cluster, or for another namespace or name than "+b.ns+"/db") {
		t.Errorf("another cluster's: %v", err)
	}
}
