package externalsecrets

import (
	"slices"
	"strings"
	"time"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

const vaultAuthField = vaultField + ".auth"

// tokenLife is how long the tokens of service accounts live that are only
// used to log in: the least that the API server issues.
const tokenLife = 10 * time.Minute

const servedMethods = "tokenSecretRef, appRole, kubernetes and jwt"

func (c *configs) vaultAuth(a *esv1.VaultAuth) delivery.VaultAuth {
	var out delivery.VaultAuth
	if a == nil {
		c.Unsupported(vaultAuthField, "it is missing, and reading without logging in is not served; set one of %s", servedMethods)
		return out
	}
	out.Namespace = deref(a.Namespace)
	served, other := methods(a)
	if n := len(served) + len(other); n != 1 {
		c.Invalid(vaultAuthField, "%s set; set exactly one of %s", countOf(append(served, other...)), servedMethods)
		return out
	}
	switch {
	case a.TokenSecretRef != nil:
		token := c.key(vaultAuthField+".tokenSecretRef", a.TokenSecretRef, "")
		out.Token = &token
	case a.AppRole != nil:
		out.AppRole = c.appRole(a.AppRole)
	case a.Kubernetes != nil:
		out.JWT = c.kubernetesAuth(a.Kubernetes)
	case a.JWT != nil:
		out.JWT = c.jwt(a.JWT)
	default:
		c.Unsupported(vaultAuthField+"."+other[0], "this way to log in is not served yet; use one of %s", servedMethods)
	}
	return out
}

// methods names the ways to log in that are set, by whether we serve them.
func methods(a *esv1.VaultAuth) (served, other []string) {
	set := map[string]bool{
		"tokenSecretRef": a.TokenSecretRef != nil, "appRole": a.AppRole != nil,
		"kubernetes": a.Kubernetes != nil, "jwt": a.JWT != nil,
	}
	for name, is := range set {
		if is {
			served = append(served, name)
		}
	}
	slices.Sort(served)
	set = map[string]bool{
		"ldap": a.LDAP != nil, "cert": a.Cert != nil, "iam": a.IAM != nil,
		"userPass": a.UserPass != nil, "gcp": a.GCP != nil,
	}
	for name, is := range set {
		if is {
			other = append(other, name)
		}
	}
	slices.Sort(other)
	return served, other
}

func (c *configs) appRole(a *esv1.VaultAppRole) *delivery.VaultAppRole {
	const field = vaultAuthField + ".appRole"
	out := &delivery.VaultAppRole{
		Mount:    mount(a.Path, "approle"),
		RoleID:   strings.TrimSpace(a.RoleID),
		SecretID: c.key(field+".secretRef", &a.SecretRef, ""),
	}
	switch {
	case out.RoleID != "": // the original prefers it over roleRef
	case a.RoleRef != nil:
		out.Role = c.key(field+".roleRef", a.RoleRef, "")
	default:
		c.Invalid(field, "neither roleId nor roleRef is set; set one")
	}
	return out
}

func (c *configs) kubernetesAuth(a *esv1.VaultKubernetesAuth) *delivery.VaultJWT {
	const field = vaultAuthField + ".kubernetes"
	out := &delivery.VaultJWT{Mount: mount(a.Path, "kubernetes"), Role: strings.TrimSpace(a.Role)}
	if out.Role == "" {
		c.Invalid(field+".role", "the role in Vault is missing")
	}
	switch {
	case a.ServiceAccountRef != nil: // the original prefers it over secretRef
		out.Token = c.account(field+".serviceAccountRef", a.ServiceAccountRef, nil, tokenLife)
	case a.SecretRef != nil:
		out.Token = c.key(field+".secretRef", a.SecretRef, "token")
	default:
		// The original logs in as itself here, with its own rights in Vault
		// for whoever writes such a store.
		c.Unsupported(field, "logging in as the operator itself is not served: every store would have its rights; "+
			"set serviceAccountRef or secretRef")
	}
	return out
}

func (c *configs) jwt(a *esv1.VaultJWTAuth) *delivery.VaultJWT {
	const field = vaultAuthField + ".jwt"
	out := &delivery.VaultJWT{Mount: mount(a.Path, "jwt"), Role: strings.TrimSpace(a.Role)}
	switch t := a.KubernetesServiceAccountToken; {
	case a.SecretRef != nil: // the original prefers it
		out.Token = c.key(field+".secretRef", a.SecretRef, "")
	case t != nil:
		out.Token = c.tokenOf(field+".kubernetesServiceAccountToken", t)
	default:
		c.Invalid(field, "neither secretRef nor kubernetesServiceAccountToken is set, so there is no token; set one")
	}
	return out
}

func (c *configs) tokenOf(field string, t *esv1.VaultServiceAccountToken) delivery.Credential {
	audiences, life := []string{"vault"}, tokenLife
	if t.Audiences != nil {
		audiences = *t.Audiences
	}
	if s := t.ExpirationSeconds; s != nil {
		life = c.expiration(field+".expirationSeconds", *s)
	}
	return c.account(field+".serviceAccountRef", &t.ServiceAccountRef, audiences, life)
}

// mount is a path in Vault without the slashes around it.
func mount(path, def string) string {
	if path = strings.Trim(path, "/"); path == "" {
		return def
	}
	return path
}
