// Package sealed_test runs SealedSecrets against a real API server, all served
// by one operator: what the original does, and what it does badly.
package sealed_test

import (
	"context"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/sealed/sealedtest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// shared is the key that the cluster has before the operator starts.
var shared struct {
	once sync.Once
	key  sealedtest.Key
	err  error
}

type values = map[string]string

func newBed(t *testing.T) sealedtest.Bed {
	t.Helper()
	t.Parallel()
	shared.once.Do(func() {
		shared.key = sealedtest.NewKey(t, 2048)
		c := testkit.Client(t, testkit.SharedPlane(t))
		shared.err = c.Create(context.Background(), shared.key.Secret("kube-system", "sealed-secrets-key-of-the-tests"))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return sealedtest.Bed{Bed: operatortest.WithShared(t), Key: shared.key}
}
