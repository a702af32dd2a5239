package externalsecrets

import (
	"strings"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const dopplerField = "spec.provider.doppler"

func (c *configs) doppler(d *esv1.DopplerProvider) delivery.Config {
	out := delivery.DopplerConfig{Project: d.Project, Config: d.Config}
	if d.NameTransformer != "" {
		out.NameTransformer = choose(c.Problems, dopplerField+".nameTransformer", d.NameTransformer,
			"upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab")
	}
	if d.Format != "" {
		out.Format = choose(c.Problems, dopplerField+".format", d.Format, "json", "dotnet-json", "env", "yaml", "docker")
	}
	out.Auth = c.dopplerAuth(d.Auth)
	return out
}

func (c *configs) dopplerAuth(a *esv1.DopplerAuth) delivery.DopplerAuth {
	const field = dopplerField + ".auth"
	var out delivery.DopplerAuth
	switch {
	case a != nil && a.SecretRef != nil: // the original prefers it
		out.Token = c.key(field+".secretRef.dopplerToken", &a.SecretRef.DopplerToken, "dopplerToken")
		if a.OIDCConfig != nil {
			c.warnings = append(c.warnings, field+".oidcConfig has no effect: secretRef is set")
		}
	case a != nil && a.OIDCConfig != nil:
		out.Identity, out.Account = c.dopplerIdentity(field+".oidcConfig", a.OIDCConfig)
	default:
		c.Invalid(field, "neither secretRef nor oidcConfig is set; set one")
	}
	return out
}

// dopplerIdentity is an identity in Doppler and who logs in as it. The store
// is an audience of the token, by the name that the original gives it: so
// people can have Doppler accept it from this store alone.
func (c *configs) dopplerIdentity(field string, a *esv1.DopplerOIDCAuth) (string, delivery.Credential) {
	identity := strings.TrimSpace(a.Identity)
	if identity == "" {
		c.Invalid(field+".identity", "the ID of the identity in Doppler is missing")
	}
	audience := "secretStore:" + c.namespace + ":" + c.name
	if c.cluster {
		audience = "clusterSecretStore:" + c.name
	}
	life := tokenLife
	if s := a.ExpirationSeconds; s != nil {
		life = c.expiration(field+".expirationSeconds", *s)
	}
	return identity, c.account(field+".serviceAccountRef", &a.ServiceAccountRef, []string{audience}, life)
}
