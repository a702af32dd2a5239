package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared holds the parts that the tests of this package share. It is the one
// global that changes: a test function has no other way to reach what its
// TestMain looks after.
var shared struct {
	inMain bool
	crds   []string
	plane  lazy[*Plane]
	vault  lazy[*Vault]
	clouds lazy[*Clouds]

	postgres lazy[*Postgres]
}

// lazy is started by the first who asks. If that fails it fails for all.
type lazy[T any] struct {
	once sync.Once
	part T
	err  error
}

// Main runs the tests of a package and stops what they shared. It returns the
// exit code: func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }. The
// shared plane has the CRDs in the given files and directories, see
// PlaneOptions.
func Main(m *testing.M, crds ...string) int {
	shared.inMain, shared.crds = true, crds
	code := m.Run()
	var errs []error
	if shared.plane.part != nil {
		errs = append(errs, shared.plane.part.Stop())
	}
	if shared.vault.part != nil {
		errs = append(errs, shared.vault.part.Stop())
	}
	if shared.clouds.part != nil {
		errs = append(errs, shared.clouds.part.Stop())
	}
	if shared.postgres.part != nil {
		errs = append(errs, shared.postgres.part.Stop())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// SharedPlane is the package's control plane, which the first test that asks
// for it starts. Tests keep to namespaces of their own on it.
func SharedPlane(t testing.TB) *Plane {
	t.Helper()
	return share(t, &shared.plane, func() (*Plane, error) {
		return StartPlane(context.Background(), PlaneOptions{CRDs: shared.crds})
	})
}

// SharedVault is the package's Vault, which the first test that asks for it
// starts. Tests keep to paths of their own, and neither seal nor stop it.
func SharedVault(t testing.TB) *Vault {
	t.Helper()
	return share(t, &shared.vault, func() (*Vault, error) {
		return StartVault(context.Background(), VaultOptions{})
	})
}

// SharedClouds are the package's clouds, which the first test that asks for
// them starts. Tests keep to projects of their own, and do not stop them.
func SharedClouds(t testing.TB) *Clouds {
	t.Helper()
	return share(t, &shared.clouds, func() (*Clouds, error) {
		return StartClouds(context.Background(), CloudsOptions{})
	})
}

// SharedPostgres is the package's PostgreSQL, which the first test that asks
// for it starts. Tests keep to roles of their own, and do not stop it.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	return share(t, &shared.postgres, func() (*Postgres, error) { return StartPostgres(context.Background()) })
}

func share[T any](t testing.TB, l *lazy[T], start func() (T, error)) T {
	t.Helper()
	if !shared.inMain {
		t.Fatal("nobody would stop it: give the package a TestMain that calls testkit.Main")
	}
	l.once.Do(func() { l.part, l.err = start() })
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.part
}
