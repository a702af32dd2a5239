// Package kubeseal_test has the original's own command line, unchanged, work
// with the operator: from its certificate alone, and through the API server.
//
// There is no node here that a pod could run on. So a pod is made up to which
// the endpoints controller points the Service, and the API server reaches "the
// cluster" through a proxy (its egress selector, as where it has no way into
// the network of pods) that leads to the operator in this process. Everything
// else is as in a cluster: Service, rights, service proxy and kubeseal.
package kubeseal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	code := testkit.Main(m)
	for _, end := range shared.ends {
		end()
	}
	os.Exit(code)
}

// shared is the cluster of all tests.
var shared struct {
	once    sync.Once
	cluster *cluster
	err     error
	ends    []func()
}

// theCluster starts it for the first test that asks.
func theCluster(t *testing.T) *cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = startCluster(context.Background()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// binary is the path of kubeseal.
func binary() (string, error) {
	root, err := testkit.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "sandbox", "kubeseal")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no kubeseal: run `make sandbox`: %w", err)
	}
	return path, nil
}
