package operator

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/go-logr/logr"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// loadClusters reads the kubeconfig at path; with no path there are none.
func loadClusters(path string, cfg *rest.Config, own corev1client.CoreV1Interface, log logr.Logger) (*clusters, error) {
	c := &clusters{path: path, log: log, own: own, address: cfg.Host, known: map[string]*contextOf{}}
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if err == nil {
		c.config, err = parseKubeconfig(text)
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig for other clusters: %w", err)
	}
	c.text = text
	return c, nil
}

// parseKubeconfig tells nothing of what is in a broken one: the decoder would
// quote it, and there are credentials in it.
func parseKubeconfig(text []byte) (clientcmdapi.Config, error) {
	config, err := clientcmd.Load(text)
	if err != nil {
		return clientcmdapi.Config{}, errors.New("it is no kubeconfig")
	}
	return *config, nil
}

// Names implements controller.Clusters. The file is looked at again: who
// rotates credentials, or adds a cluster, need not restart the operator. It is
// its content that counts, for a mounted Secret is changed by another link to
// it. A file that cannot be used leaves all as it was.
func (c *clusters) Names() []string {
	if c.path == "" {
		return nil
	}
	text, err := os.ReadFile(c.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || !bytes.Equal(text, c.text) {
		c.take(text, err)
	}
	return slices.Sorted(maps.Keys(c.config.Contexts))
}

// take has the contexts be those of a new kubeconfig. What is wrong with it is
// told once.
func (c *clusters) take(text []byte, err error) {
	var config clientcmdapi.Config
	if err == nil {
		config, err = parseKubeconfig(text)
	}
	if err == nil && len(config.Contexts) == 0 && len(c.config.Contexts) > 0 {
		err = errors.New("it has no contexts")
	}
	if err != nil {
		if c.broken != err.Error() {
			c.log.Info("the kubeconfig for other clusters cannot be used any more; the former one stays in use", "path", c.path, "error", err.Error())
		}
		c.broken = err.Error()
		return
	}
	c.config, c.text, c.broken, c.known = config, text, "", map[string]*contextOf{}
	c.log.Info("the kubeconfig for other clusters has changed", "path", c.path, "contexts", len(config.Contexts))
}
