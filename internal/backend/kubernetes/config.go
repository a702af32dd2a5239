package kubernetes

import (
	"context"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// connection is where the API server is, whom to trust there, and who calls,
// but for a bearer token, which is resolved when it is used.
func connection(ctx context.Context, own *rest.Config, c delivery.KubernetesConfig, creds backend.Credentials) (*rest.Config, error) {
	if err := oneIdentity(c); err != nil {
		return nil, err
	}
	if !c.Kubeconfig.IsZero() {
		text, err := creds.Resolve(ctx, c.Kubeconfig)
		if err != nil {
			return nil, err
		}
		return fromKubeconfig(text.Reveal())
	}
	conn := &rest.Config{Host: strings.TrimSpace(c.Server)}
	switch {
	case conn.Host == "" && own == nil:
		return nil, misconfigured("the store names no API server, and there is no cluster of our own")
	case conn.Host == "":
		// Named one by one, so that no identity can come along.
		conn.Host, conn.Proxy = own.Host, own.Proxy
		conn.TLSClientConfig = rest.TLSClientConfig{
			CAData: own.CAData, CAFile: own.CAFile, ServerName: own.ServerName, Insecure: own.Insecure,
		}
	case !strings.Contains(conn.Host, "://"):
		conn.Host = "https://" + conn.Host
	}
	if err := trust(ctx, conn, c, creds); err != nil {
		return nil, err
	}
	if c.ClientCert.IsZero() {
		return conn, nil
	}
	cert, err := creds.Resolve(ctx, c.ClientCert)
	if err != nil {
		return nil, err
	}
	key, err := creds.Resolve(ctx, c.ClientKey)
	if err != nil {
		return nil, err
	}
	conn.CertData, conn.KeyData = cert.Reveal(), key.Reveal()
	return conn, nil
}

// oneIdentity checks that the store says who calls, and says it once.
func oneIdentity(c delivery.KubernetesConfig) error {
	if c.ClientCert.IsZero() != c.ClientKey.IsZero() {
		return misconfigured("a client certificate for the API server needs both the certificate and the key")
	}
	given := 0
	for _, credential := range []delivery.Credential{c.Token, c.ClientCert, c.Kubeconfig} {
		if !credential.IsZero() {
			given++
		}
	}
	if given != 1 {
		return misconfigured("a Kubernetes store needs exactly one identity: a token, a service account, a client certificate or a kubeconfig")
	}
	return nil
}

func trust(ctx context.Context, conn *rest.Config, c delivery.KubernetesConfig, creds backend.Credentials) error {
	bundle := c.CABundle
	if !c.CA.IsZero() {
		ca, err := creds.Resolve(ctx, c.CA)
		if err != nil {
			return err
		}
		bundle = slices.Concat(bundle, []byte("\n"), ca.Reveal())
	}
	if len(bundle) != 0 {
		conn.CAData, conn.CAFile, conn.Insecure = bundle, "", false
	}
	return nil
}

// fromKubeconfig reads a kubeconfig that a tenant wrote. It must hold all
// that it needs: a path in it would name a file of the operator, its own
// token among them, and a command would run as the operator.
func fromKubeconfig(text []byte) (*rest.Config, error) {
	parsed, err := clientcmd.Load(text)
	if err != nil {
		// The cause is not shown: it quotes the text.
		return nil, misconfigured("the kubeconfig cannot be read; it must be YAML or JSON of kind Config")
	}
	current := parsed.Contexts[parsed.CurrentContext]
	if current == nil {
		return nil, misconfigured("the kubeconfig's current-context names no context in it")
	}
	cluster, user := parsed.Clusters[current.Cluster], parsed.AuthInfos[current.AuthInfo]
	if cluster == nil || cluster.Server == "" || user == nil {
		return nil, misconfigured("the kubeconfig's current context needs a cluster with a server, and a user")
	}
	if field := reachesOut(cluster, user); field != "" {
		return nil, misconfigured("the kubeconfig uses " + field + ", which would reach into the operator's own files or programs; put the data itself into it")
	}
	conn, err := clientcmd.NewDefaultClientConfig(*parsed, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, misconfigured("the kubeconfig's current context is not valid")
	}
	return conn, nil
}

// reachesOut names the first field of a kubeconfig that leads out of it.
func reachesOut(cluster *api.Cluster, user *api.AuthInfo) string {
	switch {
	case cluster.CertificateAuthority != "":
		return "certificate-authority"
	case user.ClientCertificate != "":
		return "client-certificate"
	case user.ClientKey != "":
		return "client-key"
	case user.TokenFile != "":
		return "tokenFile"
	case user.Exec != nil:
		return "exec"
	case user.AuthProvider != nil:
		return "auth-provider"
	}
	return ""
}
