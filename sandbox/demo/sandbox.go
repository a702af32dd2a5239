package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// sandbox is everything that runs: a control plane, a Vault, later a Doppler,
// and Tacit's own operator on all of them.
type sandbox struct {
	root     string
	plane    *testkit.Plane
	vault    *testkit.Vault
	clouds   *testkit.Clouds
	operator *operator
}

// startSandbox starts all parts, and says which and how long each took. What
// was started must be stopped also after an error.
func startSandbox(ctx context.Context, s *screen) (*sandbox, error) {
	b := &sandbox{}
	var err error
	if b.root, err = testkit.Root(); err != nil {
		return b, err
	}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"building bin/tacit", b.build},
		{"control plane (etcd, kube-apiserver, kube-controller-manager)", b.startPlane},
		{"Vault", b.startVault},
		{"tacit crds | kubectl apply --server-side -f -", b.installCRDs},
		{"tacit operator", b.startOperator},
	}
	if _, err := os.Stat(b.binary()); !errors.Is(err, fs.ErrNotExist) {
		steps = steps[1:]
	}
	for _, step := range steps {
		end := s.step(step.what)
		if err := end(step.do(ctx)); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b *sandbox) binary() string { return filepath.Join(b.root, "bin", "tacit") }

func (b *sandbox) build(ctx context.Context) error { return buildOperator(ctx, b.root) }

func (b *sandbox) startPlane(ctx context.Context) (err error) {
	b.plane, err = testkit.StartPlane(ctx, testkit.PlaneOptions{})
	return err
}

func (b *sandbox) startVault(ctx context.Context) (err error) {
	b.vault, err = testkit.StartVault(ctx, testkit.VaultOptions{})
	return err
}

func (b *sandbox) startClouds(ctx context.Context) (err error) {
	b.clouds, err = testkit.StartClouds(ctx, testkit.CloudsOptions{})
	return err
}

func (b *sandbox) installCRDs(ctx context.Context) error {
	crds, err := exec.CommandContext(ctx, b.binary(), "crds").Output()
	if err != nil {
		return fmt.Errorf("tacit crds: %w", err)
	}
	if _, err := b.kubectl(ctx, string(crds), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	_, err = b.kubectl(ctx, string(crds), "wait", "--for=condition=Established", "--timeout=2m", "-f", "-")
	return err
}

func (b *sandbox) startOperator(ctx context.Context) (err error) {
	b.operator, err = startOperator(ctx, b.binary(), b.file("operator.log"), b.plane.Env())
	return err
}

// file is a path in the directory that goes with the control plane.
func (b *sandbox) file(name string) string {
	return filepath.Join(filepath.Dir(b.plane.Kubeconfig()), name)
}

// kubectl runs kubectl on the control plane and returns what it printed.
func (b *sandbox) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := b.plane.Kubectl(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	return string(out), nil
}

// stop stops what was started, the last first.
func (b *sandbox) stop() error {
	if b.operator != nil {
		b.operator.stop()
	}
	var errs []error
	if b.clouds != nil {
		errs = append(errs, b.clouds.Stop())
	}
	if b.vault != nil {
		errs = append(errs, b.vault.Stop())
	}
	if b.plane != nil {
		errs = append(errs, b.plane.Stop())
	}
	return errors.Join(errs...)
}
