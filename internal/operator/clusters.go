package operator

import (
	"fmt"
	"sync"

	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// clusters are the contexts of a kubeconfig, for copies to other clusters. The
// zero value has none. It implements controller.Clusters.
type clusters struct {
	config clientcmdapi.Config

	mu      sync.Mutex
	clients map[string]corev1client.CoreV1Interface
}

// loadClusters reads the kubeconfig at path; with no path there are none.
func loadClusters(path string) (*clusters, error) {
	c := &clusters{clients: map[string]corev1client.CoreV1Interface{}}
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

// core is the client of a context.
func (c *clusters) core(name string) (corev1client.CoreV1Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.clients[name]; client != nil {
		return client, nil
	}
	if c.config.Contexts[name] == nil {
		return nil, fmt.Errorf("the kubeconfig for other clusters has no context %q; give the operator one with --clusters-kubeconfig", name)
	}
	cfg, err := clientcmd.NewNonInteractiveClientConfig(c.config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("context %q of the kubeconfig for other clusters cannot be used: %w", name, err)
	}
	cfg.UserAgent = "tacit"
	client, err := corev1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("context %q of the kubeconfig for other clusters cannot be used: %w", name, err)
	}
	c.clients[name] = client
	return client, nil
}
