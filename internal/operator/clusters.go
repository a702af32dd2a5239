package operator

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// clusters are the contexts of a kubeconfig, for copies to other clusters. It
// implements controller.Clusters.
type clusters struct {
	config clientcmdapi.Config
	// own is this cluster, at address.
	own     corev1client.CoreV1Interface
	address string

	mu    sync.Mutex
	known map[string]*contextOf
}

// contextOf is a context that was used.
type contextOf struct {
	mu     sync.Mutex
	client corev1client.CoreV1Interface
	meta   metadata.Interface
	// foreign: it was seen to lead to another cluster than our own.
	foreign bool
	// silent is when it last did not answer.
	silent time.Time
}

// loadClusters reads the kubeconfig at path; with no path there are none.
func loadClusters(path string, cfg *rest.Config, own corev1client.CoreV1Interface) (*clusters, error) {
	c := &clusters{own: own, address: cfg.Host, known: map[string]*contextOf{}}
	if path == "" {
		return c, nil
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig for other clusters: %w", err)
	}
	c.config = *config
	return c, nil
}

// Namespace implements controller.Clusters.
func (c *clusters) Namespace(cluster, fallback string) string {
	if ctx := c.config.Contexts[cluster]; ctx != nil && ctx.Namespace != "" {
		return ctx.Namespace
	}
	return fallback
}

// Names implements controller.Clusters.
func (c *clusters) Names() []string { return slices.Sorted(maps.Keys(c.config.Contexts)) }

// Find implements controller.Clusters.
func (c *clusters) Find(ctx context.Context, cluster, kind string, with map[string]string) ([]metav1.PartialObjectMetadata, error) {
	known, err := c.use(ctx, cluster)
	if err != nil {
		return nil, err
	}
	list, err := known.meta.Resource(corev1.SchemeGroupVersion.WithResource(objects.Resource(kind).Resource)).
		Namespace(c.Namespace(cluster, metav1.NamespaceAll)).
		List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(with).String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// core is the client of a context. It is target.Writer's Other.
func (c *clusters) core(ctx context.Context, name string) (corev1client.CoreV1Interface, error) {
	known, err := c.use(ctx, name)
	if err != nil {
		return nil, err
	}
	return known.client, nil
}

// use makes a context's clients, unless it was used before.
func (c *clusters) use(ctx context.Context, name string) (*contextOf, error) {
	if c.config.Contexts[name] == nil {
		return nil, unusable(delivery.Invalid, nil, "the kubeconfig for other clusters has no context %q; give the operator one with --clusters-kubeconfig", name)
	}
	c.mu.Lock()
	known := c.known[name]
	if known == nil {
		known = &contextOf{}
		c.known[name] = known
	}
	c.mu.Unlock()

	known.mu.Lock()
	defer known.mu.Unlock()
	if known.foreign {
		return known, nil
	}
	if time.Since(known.silent) < silence {
		return nil, unusable(delivery.Unavailable, nil, "the cluster of context %q does not answer", name)
	}
	cfg, err := clientcmd.NewNonInteractiveClientConfig(c.config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, unusable(delivery.Invalid, err, "context %q of the kubeconfig for other clusters cannot be used", name)
	}
	cfg.UserAgent, cfg.Timeout, cfg.QPS = "tacit", answerTime, -1
	client, err := corev1client.NewForConfig(cfg)
	if err == nil {
		known.meta, err = metadata.NewForConfig(cfg)
	}
	if err != nil {
		return nil, unusable(delivery.Invalid, err, "context %q of the kubeconfig for other clusters cannot be used", name)
	}
	same, err := c.same(ctx, cfg, client)
	switch {
	case err != nil:
		known.silent = time.Now()
		return nil, unusable(delivery.Unavailable, err, "the cluster of context %q does not answer", name)
	case same:
		return nil, unusable(delivery.Invalid, nil, "context %q leads to this very cluster; select its namespaces in place of it", name)
	}
	known.client, known.foreign = client, true
	return known, nil
}

// answerTime is how long another cluster may take for one answer.
const answerTime = 10 * time.Second

// silence is how long a cluster that did not answer is not asked again: all of
// its copies would wait for it one after the other.
const silence = 30 * time.Second

// same reports that a context leads to the operator's own cluster: there a copy
// could be the source itself. A cluster is known by its first namespace, or
// where that may not be read by its address.
func (c *clusters) same(ctx context.Context, cfg *rest.Config, client corev1client.CoreV1Interface) (bool, error) {
	theirs, err := identity(ctx, client)
	if err != nil {
		return false, err
	}
	ours, err := identity(ctx, c.own)
	if err != nil {
		return false, err
	}
	if theirs == "" || ours == "" {
		return address(cfg.Host) == address(c.address), nil
	}
	return theirs == ours, nil
}

// identity of a cluster; empty if it may not be known.
func identity(ctx context.Context, core corev1client.CoreV1Interface) (types.UID, error) {
	ns, err := core.Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return ns.UID, nil
}

// address is where a base URL leads.
func address(base string) string {
	if u, err := url.Parse(base); err == nil && u.Host != "" {
		return u.Host
	}
	return base
}

func unusable(kind delivery.ErrorKind, err error, format string, args ...any) error {
	return &delivery.Error{Kind: kind, Err: err, Message: fmt.Sprintf(format, args...)}
}
