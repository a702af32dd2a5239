package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/tacit-secrets/tacit/internal/seal"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// restConfig is the cluster of a context of the kubeconfig; empty is the
// current one.
func restConfig(kubeContext string) (*rest.Config, error) {
	cfg, err := config.GetConfigWithContext(kubeContext)
	if err == nil {
		return cfg, nil
	}
	if paths := filepath.SplitList(os.Getenv(clientcmd.RecommendedConfigPathEnvVar)); len(paths) > 0 && !slices.ContainsFunc(paths, isThere) {
		return nil, fmt.Errorf("no cluster to ask: KUBECONFIG names %s, and there is no such file", strings.Join(paths, ", "))
	}
	return nil, fmt.Errorf("no cluster to ask: set KUBECONFIG: %w", err)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// serviceFlags say where in a cluster its operator is.
type serviceFlags struct{ name, namespace string }

func (s *serviceFlags) add(flags *pflag.FlagSet) {
	or := func(variable, otherwise string) string {
		if v := os.Getenv(variable); v != "" {
			return v
		}
		return otherwise
	}
	flags.StringVar(&s.name, "controller-name", or("SEALED_SECRETS_CONTROLLER_NAME", "sealed-secrets-controller"), "Service of the operator ($SEALED_SECRETS_CONTROLLER_NAME)")
	flags.StringVar(&s.namespace, "controller-namespace", or("SEALED_SECRETS_CONTROLLER_NAMESPACE", sealing.KeyNamespace), "namespace of that Service ($SEALED_SECRETS_CONTROLLER_NAMESPACE)")
}

func (s *serviceFlags) cluster(kubeContext string) (*seal.Cluster, error) {
	cfg, err := restConfig(kubeContext)
	if err != nil {
		return nil, err
	}
	return seal.NewCluster(cfg, s.namespace, s.name)
}

// certFlags say what to seal for.
type certFlags struct {
	files, contexts []string
	keys            keysOfBackup
	service         serviceFlags
}

func (c *certFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.files, "cert", nil, "certificate to seal for: a file, an address, or - for stdin; repeat it for several clusters")
	flags.StringArrayVar(&c.contexts, "context", nil, "fetch the certificate from the cluster of this context of $KUBECONFIG; repeat it for several clusters (default without --cert and --keys: the current context)")
	c.keys.add(flags, "backup of keys (see: tacit keys backup) to seal for, the newest of them; no cluster is asked")
	c.service.add(flags)
}

// certificates are all that were asked for. What is worth knowing of them is
// told on stderr.
func (c *certFlags) certificates(in *stdin) ([]sealing.Certificate, error) {
	ctx := in.cmd.Context()
	var out []sealing.Certificate
	for _, source := range c.files {
		text, err := c.read(source, in)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		certs, err := sealing.ParseCertificates(text)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		out = append(out, certs...)
	}
	keys, err := c.keys.open(in.cmd)
	if err != nil {
		return nil, err
	}
	if keys != nil {
		newest, err := newestOf(keys)
		if err != nil {
			return nil, err
		}
		out = append(out, newest)
	}
	contexts := c.contexts
	if len(out) == 0 && len(contexts) == 0 {
		contexts = []string{""}
	}
	for _, kubeContext := range contexts {
		cluster, err := c.service.cluster(kubeContext)
		if err != nil {
			return nil, fmt.Errorf("no certificate to seal for: give --cert, or: %w", err)
		}
		cert, err := cluster.Certificate(ctx)
		if err != nil {
			return nil, fmt.Errorf("fetch the certificate: %w (or give --cert)", err)
		}
		out = append(out, cert)
	}
	warnings, err := seal.Usable(out, time.Now())
	in.tell(warnings...)
	return out, err
}

func (c *certFlags) read(source string, in *stdin) ([]byte, error) {
	switch {
	case source == "-":
		return in.read("a certificate")
	case seal.IsURL(source):
		return seal.FetchCertificates(in.cmd.Context(), source)
	}
	return readFile(in.cmd, source)
}

// several tells for how many keys it is sealed.
func several(certs []sealing.Certificate) int {
	seen := map[sealing.KeyID]bool{}
	for i := range certs {
		seen[certs[i].ID] = true
	}
	return len(seen)
}
