package testkit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(abandonEnv) == "" {
		os.Exit(testkit.Main(m, "internal/testkit/testdata/crd.yaml"))
	}
	if err := abandon(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// abandonEnv makes the test binary a program that starts everything, says
// what it started, and waits to be killed.
const abandonEnv = "TESTKIT_ABANDON"

type abandoned struct {
	PIDs []int
	Dir  string // where the plane keeps its data
}

func abandon(ctx context.Context) error {
	plane, err := testkit.StartPlane(ctx, testkit.PlaneOptions{})
	if err != nil {
		return err
	}
	vault, err := testkit.StartVault(ctx, testkit.VaultOptions{})
	if err != nil {
		return err
	}
	clouds, err := testkit.StartClouds(ctx, testkit.CloudsOptions{})
	if err != nil {
		return err
	}
	pids := plane.PIDs()
	err = json.NewEncoder(os.Stdout).Encode(abandoned{
		PIDs: []int{pids.Etcd, pids.APIServer, pids.ControllerManager, vault.PID(), clouds.PID()},
		Dir:  filepath.Dir(plane.Kubeconfig()),
	})
	if err != nil {
		return err
	}
	select {}
}
