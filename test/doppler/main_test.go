// Package doppler_test runs DopplerSecrets against the sandbox's Doppler and a
// real API server, all served by one operator.
package doppler_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// bed is a namespace with a project of Doppler's.
type bed struct{ dopplertest.Bed }

func newBed(t *testing.T, secrets map[string]string) bed {
	t.Helper()
	t.Parallel()
	b := bed{dopplertest.NewBed(t, operatortest.WithShared(t), secrets)}
	b.CaughtUp("") // with the token, which is forgotten and used anew if it is seen late
	return b
}

// namespace is another of the test's own.
func (b bed) namespace(suffix string) string {
	b.T.Helper()
	name := b.NS + "-" + suffix
	b.Must(b.Create(b.T.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	return name
}

func fieldOwner(name string) client.FieldOwner { return client.FieldOwner(name) }
