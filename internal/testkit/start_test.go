package testkit

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestMissingBinaryNamesTheWayOut(t *testing.T) {
	t.Parallel()
	_, err := binaries("no-such-part")
	if err == nil || !strings.Contains(err.Error(), "no-such-part is missing: run `make sandbox`") {
		t.Errorf("got %v", err)
	}
}

func TestLostRaceForAPortIsRunAgain(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	plane, err := newPlane(PlaneOptions{NoControllers: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	}()
	picked := 0
	plane.pick = func() (int, error) {
		if picked++; picked == 1 {
			return taken.Addr().(*net.TCPAddr).Port, nil
		}
		return freePort()
	}
	if err := plane.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if picked != 2 {
		t.Errorf("picked %d ports, want 2", picked)
	}
}

func TestBadCRDFailsTheStartWithItsCause(t *testing.T) {
	t.Parallel()
	plane, err := StartPlane(t.Context(), PlaneOptions{NoControllers: true, CRDs: []string{"no-such-directory"}})
	if err == nil {
		t.Fatal("started", plane.Stop())
	}
	if !strings.Contains(err.Error(), "no-such-directory") {
		t.Errorf("got %v", err)
	}
}

func TestPartThatEndsEarlyShowsItsLog(t *testing.T) {
	t.Parallel()
	bin, err := binaries("kube-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(bin, "kube-apiserver", t.TempDir(), nil, "--no-such-flag")
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), "it is ready", func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
		t.Errorf("got %v", err)
	}
}

func TestNamespaceNamesAreValidAndDiffer(t *testing.T) {
	t.Parallel()
	const test = "TestX/A_case with spaces_and_a_name_that_is_much_longer_than_allowed_#01"
	one, two := namespaceName(test), namespaceName(test)
	if one == two || len(one) > 63 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || !strings.HasPrefix(one, "t-testx-a-case") {
		t.Errorf("got %q and %q", one, two)
	}
}
