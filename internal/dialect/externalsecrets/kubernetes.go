package externalsecrets

import (
	"net/url"
	"strings"
	"time"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const kubernetesField = "spec.provider.kubernetes"

// ownServer is the address that the original's API server fills in: that of
// the cluster it runs in.
const ownServer = "kubernetes.default"

// apiTokenLife is how long the tokens live with which an API server is asked.
const apiTokenLife = time.Hour

func (c *configs) kubernetes(k *esv1.KubernetesProvider) delivery.Config {
	out := delivery.KubernetesConfig{
		Server:    c.apiServer(kubernetesField+".server.url", k.Server.URL),
		Namespace: k.RemoteNamespace,
	}
	if out.Namespace == "" {
		out.Namespace = "default"
	}
	switch {
	case k.AuthRef != nil && k.Auth != nil:
		c.Invalid(kubernetesField, "auth and authRef are both set; a kubeconfig needs no other login, remove one")
	case k.AuthRef != nil:
		// The kubeconfig names its own server and its own authority.
		out.Server = ""
		out.Kubeconfig = c.key(kubernetesField+".authRef", k.AuthRef, "")
		return out
	case k.Auth == nil:
		c.Invalid(kubernetesField+".auth", "it is missing; set one of its serviceAccount, token and cert, or authRef")
		return out
	}
	out.CABundle, out.CA = c.authority(kubernetesField+".server", k.Server.CABundle, k.Server.CAProvider)
	if k.Auth != nil {
		c.kubernetesLogin(k.Auth, &out)
	}
	return out
}

func (c *configs) kubernetesLogin(a *esv1.KubernetesAuth, out *delivery.KubernetesConfig) {
	const field = kubernetesField + ".auth"
	var set []string
	if a.ServiceAccount != nil {
		set = append(set, "serviceAccount")
		out.Token = c.account(field+".serviceAccount", a.ServiceAccount, nil, apiTokenLife)
	}
	if a.Token != nil {
		set = append(set, "token")
		out.Token = c.key(field+".token.bearerToken", &a.Token.BearerToken, "")
	}
	if a.Cert != nil {
		set = append(set, "cert")
		out.ClientCert = c.key(field+".cert.clientCert", &a.Cert.ClientCert, "")
		out.ClientKey = c.key(field+".cert.clientKey", &a.Cert.ClientKey, "")
	}
	if len(set) != 1 {
		c.Invalid(field, "%s set; set exactly one of serviceAccount, token and cert", countOf(set))
	}
}

// apiServer is the base address of an API server; empty is our own.
func (c *configs) apiServer(field, address string) string {
	if address == "" || address == ownServer {
		return ""
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	// The address is not quoted: it may hold a password.
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		c.Invalid(field, "it is no address of an API server, such as https://203.0.113.7:6443")
	}
	return address
}
