package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/seal/sealtest"
	"github.com/tacit-secrets/tacit/internal/sealing/server"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"tacit":   main,
		"sealkit": func() { os.Exit(sealkit(context.Background(), os.Args[1:])) },
	})
}

// tests are run such that what they share is stopped.
type tests struct{ m *testing.M }

func (t tests) Run() int { return testkit.Main(t.m) }

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// These ask operators of two clusters, the contexts a and b. Cluster a has an
// old key and a new one, and the object shop/db, sealed for the old one.
func TestScriptsOfOperators(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/operators", Setup: func(env *testscript.Env) error {
		return twoOperators(t, env)
	}})
}

func twoOperators(t *testing.T, env *testscript.Env) error {
	const manifest = `{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, stringData: {password: hunter2}}`
	a, err := sealtest.NewCluster(time.Now(), 3, 1)
	if err != nil {
		return err
	}
	b, err := sealtest.NewCluster(time.Now(), 1)
	if err != nil {
		return err
	}
	if err := writeCluster(env.WorkDir, "a", a); err != nil {
		return err
	}
	if err := writeCluster(env.WorkDir, "b", b); err != nil {
		return err
	}
	in, err := seal.ParseSecrets([]byte(manifest))
	if err != nil {
		return err
	}
	live, err := in[0].Seal(rand.Reader, a.Certificates[:1])
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := errors.Join(seal.Write(&text, "yaml", live), os.WriteFile(filepath.Join(env.WorkDir, "live.yaml"), text.Bytes(), 0o600)); err != nil {
		return err
	}
	var apis []*httptest.Server
	for _, c := range []*sealtest.Cluster{a, b} {
		ring, err := c.Keyring(t.Context())
		if err != nil {
			return err
		}
		operator := server.New(server.Options{Keys: ring, Kind: sealedsecrets.SealedSecrets()})
		apis = append(apis, sealtest.API(t, operator.Handler(), live))
	}
	path := filepath.Join(env.WorkDir, "kubeconfig")
	env.Setenv("KUBECONFIG", path)
	return sealtest.Kubeconfig(path, []string{"a", "b"}, apis...)
}

// These work on a real API server, in $FROM and in $TO, which are empty
// namespaces.
func TestScriptsOnAnAPIServer(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/apiserver", Setup: func(env *testscript.Env) error {
		plane := testkit.SharedPlane(t)
		env.Setenv("KUBECONFIG", plane.Kubeconfig())
		env.Setenv("PATH", filepath.Dir(plane.KubectlPath())+string(os.PathListSeparator)+env.Getenv("PATH"))
		env.Setenv("FROM", testkit.Namespace(t, plane))
		env.Setenv("TO", testkit.Namespace(t, plane))
		return nil
	}})
}
