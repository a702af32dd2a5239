package rollouts_test

import (
	"os"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	os.Exit(testkit.Main(m, "internal/controller/rollouts/testdata/argo.yaml"))
}
