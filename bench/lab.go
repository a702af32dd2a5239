package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	sealedv1 "github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// lab is where one workload runs: a plane and a Vault of its own, and clients
// that do not throttle.
type lab struct {
	binary string // the operator
	dir    string // for logs

	plane  *testkit.Plane
	vault  *testkit.Vault
	client client.Client                // for setting up, where time does not count
	core   corev1client.CoreV1Interface // protobuf
	raw    rest.Interface               // ExternalSecrets, as bytes
}

// writers is how many write at the same time, here and in the operator.
const writers = 32

// with runs a workload in fresh surroundings and takes them down.
func (l lab) with(ctx context.Context, limit time.Duration, m *machine, work func(context.Context, *lab) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %v", limit))
	defer cancel()
	// Without controllers of its own the plane makes no requests but ours.
	if l.plane, err = testkit.StartPlane(ctx, testkit.PlaneOptions{NoControllers: true, CRDs: []string{"config/crd"}}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.plane.Stop()) }()
	if l.vault, err = testkit.StartVault(ctx, testkit.VaultOptions{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.vault.Stop()) }()
	if err := l.connect(); err != nil {
		return err
	}
	m.Kubernetes = kubernetesVersion(l.plane)
	return work(ctx, &l)
}

func (l *lab) connect() (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), esv1.AddToScheme(scheme), mirrorsv1.AddToScheme(scheme), sealedv1.AddToScheme(scheme)); err != nil {
		return err
	}
	if l.client, err = client.New(l.plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	proto := l.plane.Config()
	proto.ContentType = runtime.ContentTypeProtobuf
	proto.AcceptContentTypes = runtime.ContentTypeProtobuf
	if l.core, err = corev1client.NewForConfig(proto); err != nil {
		return err
	}
	raw := l.plane.Config()
	version := esv1.GroupVersion()
	raw.GroupVersion, raw.APIPath = &version, "/apis"
	raw.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	l.raw, err = rest.RESTClientFor(raw)
	return err
}

func (l *lab) namespace(ctx context.Context, name string) error {
	return l.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// clear deletes what a turn left, so that the next begins as it did.
func (l *lab) clear(ctx context.Context, namespace string) error {
	return errors.Join(
		l.client.DeleteAllOf(ctx, &esv1.ExternalSecret{}, client.InNamespace(namespace)),
		l.client.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(namespace)),
	)
}

// build builds the operator as `make build` does.
func build(ctx context.Context, root, dir string) (string, error) {
	binary := filepath.Join(dir, "tacit")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/tacit")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tacit: %w\n%s", err, out)
	}
	return binary, nil
}

// parallel calls do for 0 … n-1 from as many goroutines as there are writers,
// until one fails.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// pause waits, or fails when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
