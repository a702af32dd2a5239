package operator

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
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
	path string // of the kubeconfig
	log  logr.Logger
	// own is this cluster, at address.
	own     corev1client.CoreV1Interface
	address string

	mu     sync.Mutex
	config clientcmdapi.Config
	text   []byte // that config was read from
	broken string // what is wrong with the file as it is now
	known  map[string]*contextOf
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
	// id is the cluster's, empty if it may not be known; a types.UID.
	id atomic.Value
}

// is tells which cluster it is; empty if that is not known.
func (c *contextOf) is() types.UID {
	id, _ := c.id.Load().(types.UID)
	return id
}

// Namespace implements controller.Clusters.
func (c *clusters) Namespace(cluster, fallback string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx := c.config.Contexts[cluster]; ctx != nil && ctx.Namespace != "" {
		return ctx.Namespace
	}
	return fallback
}

// Same implements controller.Clusters.
func (c *clusters) Same(a, b string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if server := c.server(a); server != "" && server == c.server(b) {
		return true
	}
	one, other := c.known[a], c.known[b]
	return a == b || one != nil && other != nil && one.is() != "" && one.is() == other.is()
}

// server is where a context leads; the lock is held.
func (c *clusters) server(name string) string {
	if ctx := c.config.Contexts[name]; ctx != nil && c.config.Clusters[ctx.Cluster] != nil {
		return address(c.config.Clusters[ctx.Cluster].Server)
	}
	return ""
}

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
	known, config := c.context(name)
	if known == nil {
		return nil, unusable(delivery.Invalid, nil, "the kubeconfig for other clusters has no context %q; give the operator one with --clusters-kubeconfig", name)
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.foreign {
		return known, nil
	}
	if time.Since(known.silent) < silence {
		return nil, unusable(delivery.Unavailable, nil, "the cluster of context %q does not answer", name)
	}
	cfg, err := clientcmd.NewNonInteractiveClientConfig(config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
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
	id, same, err := c.same(ctx, cfg, client)
	switch {
	case err != nil:
		known.silent = time.Now()
		return nil, unusable(delivery.Unavailable, err, "the cluster of context %q does not answer", name)
	case same:
		return nil, unusable(delivery.Invalid, nil, "context %q leads to this very cluster; select its namespaces in place of it", name)
	}
	known.client, known.foreign = client, true
	known.id.Store(id)
	return known, nil
}

// context is what is known of a context, nil if there is none, and the
// kubeconfig that it is in, which nobody changes.
func (c *clusters) context(name string) (*contextOf, clientcmdapi.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config.Contexts[name] == nil {
		return nil, c.config
	}
	if c.known[name] == nil {
		c.known[name] = &contextOf{}
	}
	return c.known[name], c.config
}

// answerTime is how long another cluster may take for one answer.
const answerTime = 10 * time.Second

// silence is how long a cluster that did not answer is not asked again: all of
// its copies would wait for it one after the other.
const silence = 30 * time.Second

// same reports that a context leads to the operator's own cluster: there a copy
// could be the source itself. A cluster is known by its first namespace, or
// where that may not be read by its address.
func (c *clusters) same(ctx context.Context, cfg *rest.Config, client corev1client.CoreV1Interface) (theirs types.UID, same bool, err error) {
	theirs, err = identity(ctx, client)
	if err != nil {
		return "", false, err
	}
	ours, err := identity(ctx, c.own)
	if err != nil {
		return "", false, err
	}
	if theirs == "" || ours == "" {
		return theirs, address(cfg.Host) == address(c.address), nil
	}
	return theirs, theirs == ours, nil
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
