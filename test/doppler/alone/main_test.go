// Package alone_test runs DopplerSecrets, and Doppler as a store of
// ExternalSecrets, each under an operator of its own: it is stopped, started
// anew, configured and searched for what it tells.
package alone_test

import (
	"fmt"
	"testing"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/test/doppler/dopplertest"
)

func TestMain(m *testing.M) { operatortest.Main(m) }

// bed is a namespace with a project of Doppler's, that no operator serves yet.
type bed struct{ dopplertest.Bed }

func newBed(t *testing.T, secrets map[string]string) bed {
	t.Helper()
	return bed{dopplertest.NewBed(t, operatortest.WithoutOperator(t), secrets)}
}

// serve runs an operator for the namespace.
func (b bed) serve(change func(*operator.Options)) (out *operatortest.Logs, stop func()) {
	b.T.Helper()
	return b.Operate(func(o *operator.Options) {
		o.Namespaces = []string{b.NS}
		o.Languages.Without = []string{"mirrors", "vaultsyncstatus", "sealed-secrets", "reflector", "kubed"}
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
