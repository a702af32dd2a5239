package externalsecrets

import (
	"maps"
	"net/url"
	"strings"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const vaultField = "spec.provider.vault"

func (c *configs) vault(v *esv1.VaultProvider) delivery.Config {
	const v1, v2 = "v1", "v2"
	out := delivery.VaultConfig{
		Server:    c.server(vaultField+".server", v.Server),
		KV:        2,
		Namespace: deref(v.Namespace),
		Headers:   maps.Clone(v.Headers),
	}
	if choose(c.Problems, vaultField+".version", v.Version, v2, v1) == v1 {
		out.KV = 1
	}
	if v.Path != nil {
		out.Mount = strings.Trim(*v.Path, "/")
	}
	if v.CheckAndSet != nil && v.CheckAndSet.Required && out.KV == 1 {
		c.Invalid(vaultField+".checkAndSet.required", "the KV engine has no check-and-set in version v1; remove it or set version to v2")
	}
	// readYourWrites holds as it is: nothing is written. With it the original
	// has a standby that lags behind ask the active server.
	if v.ReadYourWrites && v.ForwardInconsistent {
		if out.Headers == nil {
			out.Headers = map[string]string{}
		}
		out.Headers["X-Vault-Inconsistent"] = "forward-active-node"
	}
	out.CABundle, out.CA = c.authority(vaultField, v.CABundle, v.CAProvider)
	out.ClientCert, out.ClientKey = c.clientTLS(&v.ClientTLS)
	out.Auth = c.vaultAuth(v.Auth)
	return out
}

// server checks an address. What is wrong with it is not quoted: it may hold
// a password.
func (c *configs) server(field, address string) string {
	u, err := url.Parse(address)
	switch {
	case address == "":
		c.Invalid(field, "the address is missing, such as https://vault.example.com:8200")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		c.Invalid(field, "it is no http or https address, such as https://vault.example.com:8200")
	case u.User != nil:
		c.Invalid(field, "an address with a user or password is not allowed; log in by spec.provider.vault.auth")
	}
	return address
}

func (c *configs) clientTLS(t *esv1.VaultClientTLS) (cert, key delivery.Credential) {
	const field = vaultField + ".tls"
	switch {
	case t.CertSecretRef == nil && t.KeySecretRef == nil:
		return cert, key
	case t.CertSecretRef == nil:
		c.Invalid(field+".certSecretRef", "it is missing beside keySecretRef; a certificate needs both")
		return cert, key
	case t.KeySecretRef == nil:
		c.Invalid(field+".keySecretRef", "it is missing beside certSecretRef; a certificate needs both")
		return cert, key
	}
	return c.key(field+".certSecretRef", t.CertSecretRef, "tls.crt"), c.key(field+".keySecretRef", t.KeySecretRef, "tls.key")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
