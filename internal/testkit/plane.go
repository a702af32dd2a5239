package testkit

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// PlaneOptions are what a Plane can differ in. The zero value is a plane that
// behaves as a cluster does, but without nodes: pods stay pending.
type PlaneOptions struct {
	// Controllers run beside the usual ones, by the names that
	// kube-controller-manager knows, such as resourcequota-controller.
	Controllers []string
	// NoControllers leaves kube-controller-manager out: nothing but clients
	// makes requests then, but no ReplicaSet appears, no namespace ever
	// goes and no garbage is collected.
	NoControllers bool
	// CRDs are YAML files, or directories of them, that are applied before
	// the controllers start. Relative paths start at the root of the source.
	// The garbage collector takes up to 30 seconds to notice kinds that are
	// installed later.
	CRDs []string
	// APIServerArgs are further flags of kube-apiserver.
	APIServerArgs []string
	// Progress, if set, is told which step starts.
	Progress func(step string)
}

// Plane is a running Kubernetes control plane. Its methods may be called
// concurrently, but for those that stop and start parts.
type Plane struct {
	options  PlaneOptions
	bin      string // where the binaries are
	dir      workDir
	token    string          // of the cluster-admin
	tokenKey *rsa.PrivateKey // signs the tokens of service accounts
	pick     func() (int, error)
	port     int

	etcd, controllers *process

	mu        sync.Mutex
	apiServer *process
}

// PIDs are the process ids of a plane's parts; 0 for a part that is not
// running.
type PIDs struct{ Etcd, APIServer, ControllerManager int }

// StartPlane starts a control plane on loopback and returns when it serves
// and its controllers work. ctx bounds the start alone (5 minutes at most);
// the plane runs until Stop, or until this program ends.
func StartPlane(ctx context.Context, options PlaneOptions) (*Plane, error) {
	p, err := newPlane(options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a control plane: %w", err), p.Stop())
	}
	return p, nil
}

func newPlane(options PlaneOptions) (*Plane, error) {
	bin, err := binaries("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
	if err != nil {
		return nil, err
	}
	dir, err := newWorkDir()
	if err != nil {
		return nil, err
	}
	return &Plane{options: options, bin: bin, dir: dir, token: rand.Text(), pick: freePort}, nil
}

func (p *Plane) start(ctx context.Context) error {
	if err := p.writeCredentials(); err != nil {
		return err
	}
	p.progress("etcd")
	if err := p.startEtcd(ctx); err != nil {
		return err
	}
	p.progress("kube-apiserver")
	if err := p.StartAPIServer(ctx); err != nil {
		return err
	}
	if err := p.writeKubeconfig(); err != nil {
		return err
	}
	if err := p.InstallCRDs(ctx, p.options.CRDs...); err != nil {
		return err
	}
	if p.options.NoControllers {
		return nil
	}
	p.progress("kube-controller-manager")
	return p.startControllers(ctx)
}

func (p *Plane) progress(step string) {
	if p.options.Progress != nil {
		p.options.Progress(step)
	}
}

// Stop kills every part and removes what they left on disk. It may be called
// more than once.
func (p *Plane) Stop() error {
	p.controllers.kill()
	p.StopAPIServer()
	p.etcd.kill()
	return p.dir.remove()
}

// StopAPIServer kills the API server, as a crash would: connections are cut,
// and new ones refused until StartAPIServer.
func (p *Plane) StopAPIServer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apiServer.kill()
	p.apiServer = nil
}

// RestartAPIServer kills the API server and returns when it serves again, at
// the same address with the same data and certificate.
func (p *Plane) RestartAPIServer(ctx context.Context) error {
	p.StopAPIServer()
	return p.StartAPIServer(ctx)
}

// PIDs returns the process ids of the parts.
func (p *Plane) PIDs() PIDs {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pids PIDs
	for id, part := range map[*int]*process{
		&pids.Etcd: p.etcd, &pids.APIServer: p.apiServer, &pids.ControllerManager: p.controllers} {
		if part != nil {
			*id = part.pid
		}
	}
	return pids
}

// URL is the address of the API server.
func (p *Plane) URL() string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
}

func (p *Plane) path(name string) string { return p.dir.file(name) }
