// Package copies holds the end-to-end tests of the languages in annotations,
// kubernetes-reflector's and kubed's: against a real control plane, and a
// second one where copies go to other clusters.
package copies

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// shared is what most tests use: the operator that serves the whole of the
// shared plane, and a second cluster. No operator serves the whole of that
// one: there run those that tests limit to namespaces of their own.
//
// Tests that need the shared plane for an operator of their own do not run in
// parallel: they are over before the first of the others begins.
var shared struct {
	once, second sync.Once
	other        *testkit.Plane
	err          error
	dir          string
	logs         operatortest.Logs
}

func TestMain(m *testing.M) {
	// More at a time than there are processors: most of the time they wait.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	var err error
	if shared.dir, err = os.MkdirTemp("", "copies"); err != nil {
		panic(err)
	}
	code := testkit.Main(m)
	err = os.RemoveAll(shared.dir)
	if shared.other != nil {
		err = errors.Join(err, shared.other.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// otherPlane is the second cluster.
func otherPlane(t *testing.T) *testkit.Plane {
	t.Helper()
	shared.second.Do(func() {
		shared.other, shared.err = testkit.StartPlane(context.Background(), testkit.PlaneOptions{})
	})
	must(t, shared.err)
	return shared.other
}

// here is the name of the shared plane as a cluster.
const here = "here"

// options of an operator that speaks the two languages alone.
func options(cfg *rest.Config, out *operatortest.Logs) operator.Options {
	return operator.Options{
		Config: cfg, MetricsAddress: "0", ProbeAddress: "0", Registerer: prometheus.NewRegistry(),
		Log: logr.FromSlogHandler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-10)})),
		Languages: operator.LanguageOptions{
			Without: []string{"external-secrets", "mirrors", "doppler", "vaultsyncstatus", "sealed-secrets"}, KubedCluster: here,
		},
		Rollouts: operator.RolloutOptions{Off: true},
	}
}

// withShared returns a bed on the shared plane, served by the operator that
// serves all of it.
func withShared(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, testkit.SharedPlane(t))
	other := otherPlane(t)
	shared.once.Do(func() {
		o := options(b.plane.Config(), &shared.logs)
		o.ClustersKubeconfig, o.LookAbroad = kubeconfig(t, shared.dir, b.plane, other), time.Second
		go func() {
			if err := operator.Run(context.Background(), o); err != nil {
				fmt.Fprintln(os.Stderr, "operator:", err)
			}
		}()
	})
	return b
}

// The contexts of the kubeconfig.
const (
	toOther = "other" // the second cluster
	toSpoke = "spoke" // the second cluster's namespace spoke
	toSelf  = "self"  // this very cluster
	toDead  = "dead"  // a cluster that does not answer
	spoke   = "spoke"
)

// kubeconfig writes one with the contexts above.
func kubeconfig(t *testing.T, dir string, own, other *testkit.Plane) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	add := func(name string, cfg *rest.Config, namespace string) {
		config.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: cfg.BearerToken}
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	}
	add(toOther, other.Config(), "")
	add(toSpoke, other.Config(), spoke)
	add(toSelf, own.Config(), "")
	add(toDead, &rest.Config{Host: "https://127.0.0.1:1"}, "")
	path := filepath.Join(dir, "clusters")
	must(t, clientcmd.WriteToFile(*config, path))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
