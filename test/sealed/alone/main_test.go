// Package alone_test runs SealedSecrets each under an operator of its own, with
// keys of its own: it is stopped, started anew, configured, kept from its keys,
// and searched for what it tells.
package alone_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

type values = map[string]string

// bed is a namespace that no operator serves yet, and another with its keys.
type bed struct {
	sealedtest.Bed
	keys string
}

// newBed makes one whose cluster has a key of so many bits; none for 0.
func newBed(t *testing.T, bits int) bed {
	t.Helper()
	b := bed{Bed: sealedtest.Bed{Bed: operatortest.WithoutOperator(t)}}
	b.keys = b.NS + "-keys"
	b.Must(b.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.keys}}))
	if bits > 0 {
		b.Key = sealedtest.NewKey(t, bits)
		b.Must(b.Create(t.Context(), b.Key.Secret(b.keys, "sealed-secrets-keyabcde")))
	}
	return b
}

// serve runs an operator for the namespace.
func (b bed) serve(change func(*operator.Options)) (out *operatortest.Logs, stop func()) {
	b.T.Helper()
	return b.Operate(func(o *operator.Options) {
		o.Namespaces, o.Languages.Sealed.KeysNamespace = []string{b.NS}, b.keys
		o.Languages.Without = []string{"external-secrets", "mirrors", "doppler", "vaultsyncstatus", "reflector", "kubed"}
		if change != nil {
			change(o)
		}
	})
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
