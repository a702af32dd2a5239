// Package doppler_test runs DopplerSecrets against the sandbox's Doppler and a
// real API server, all served by one operator.
package doppler_test

import (
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// bed is a namespace with a project of Doppler's.
type bed struct{ dopplertest.Bed }

func newBed(t *testing.T, secrets map[string]string) bed {
	t.Helper()
	t.Parallel()
	return bed{dopplertest.NewBed(t, operatortest.WithShared(t), secrets)}
}
