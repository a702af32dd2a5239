package testkit

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// tokenIssuer is who issues the tokens of service accounts.
const tokenIssuer = "https://kubernetes.default.svc"

// usual are the controllers without which a cluster's API does not behave as
// people expect it to.
var usual = []string{
	"clusterrole-aggregation-controller",
	"deployment-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"replicaset-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
}

// startEtcd serves on a socket in the plane's directory: no port, and nobody
// else gets at the data. The advertised addresses matter to clusters only.
func (p *Plane) startEtcd(ctx context.Context) error {
	const nowhere = "http://localhost:1"
	etcd, err := start(p.bin, "etcd", p.dir.path, nil,
		"--name=sandbox",
		"--data-dir="+p.path("etcd"),
		"--listen-client-urls=unix://"+p.path("etcd.sock"),
		"--listen-peer-urls=unix://"+p.path("peer.sock"),
		"--advertise-client-urls="+nowhere,
		"--initial-advertise-peer-urls="+nowhere,
		"--initial-cluster=sandbox="+nowhere,
		"--unsafe-no-fsync",
		"--log-level=warn",
	)
	if err != nil {
		return err
	}
	p.etcd = etcd
	return etcd.until(ctx, "etcd listens", func(context.Context) error {
		_, err := os.Stat(p.path("etcd.sock"))
		return err
	})
}

// StartAPIServer starts the API server after StopAPIServer, and returns when
// it is ready, within three minutes.
func (p *Plane) StartAPIServer(ctx context.Context) error {
	const tries = 5
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.apiServer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	fresh := p.port == 0 // otherwise clients know the port already
	var err error
	for range tries {
		if fresh {
			if p.port, err = p.pick(); err != nil {
				return err
			}
		}
		if p.apiServer, err = start(p.bin, "kube-apiserver", p.dir.path, nil, p.apiServerArgs()...); err != nil {
			return err
		}
		if err = p.apiServer.until(ctx, "the API server is ready", p.ready); err == nil {
			return nil
		}
		lost := p.apiServer.lostPort()
		p.apiServer.kill()
		p.apiServer = nil
		if !lost {
			return err
		}
	}
	return err
}

func (p *Plane) apiServerArgs() []string {
	return append([]string{
		"--etcd-servers=unix://" + p.path("etcd.sock"),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // it refuses to publish loopback
		"--secure-port=" + strconv.Itoa(p.port),
		"--cert-dir=" + p.path("certs"),
		"--authorization-mode=RBAC",
		"--token-auth-file=" + p.path("tokens.csv"),
		"--service-account-issuer=" + tokenIssuer,
		"--service-account-key-file=" + p.path("sa.key"),
		"--service-account-signing-key-file=" + p.path("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24",
	}, p.options.APIServerArgs...)
}

// ready asks the API server whether it is, and for the namespace that appears
// last.
func (p *Plane) ready(ctx context.Context) error {
	if _, err := os.Stat(p.path("certs/apiserver.key")); err != nil {
		return err // the certificate is written before its key
	}
	config, err := p.config()
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := clients.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	_, err = clients.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
	return err
}

// startControllers returns when the first thing that the controllers make is
// there.
func (p *Plane) startControllers(ctx context.Context) error {
	controllers, err := start(p.bin, "kube-controller-manager", p.dir.path, nil,
		"--kubeconfig="+p.Kubeconfig(),
		"--controllers="+strings.Join(append(p.options.Controllers, usual...), ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--root-ca-file="+p.path("certs/apiserver.crt"),
		"--service-account-private-key-file="+p.path("sa.key"),
		"--kube-api-qps=2000", "--kube-api-burst=4000",
		"--concurrent-deployment-syncs=10", "--concurrent-replicaset-syncs=10", "--concurrent-namespace-syncs=20",
	)
	if err != nil {
		return err
	}
	p.controllers = controllers
	clients, err := kubernetes.NewForConfig(p.Config())
	if err != nil {
		return err
	}
	return controllers.until(ctx, "the controllers work", func(ctx context.Context) error {
		_, err := clients.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("the service account that every namespace gets: %w", err)
		}
		return nil
	})
}
