package delivery

// VaultConfig reaches a Vault or OpenBao server's KV engine.
type VaultConfig struct {
	Server string // base URL
	// Mount is the path of the KV engine; empty: the first segment of each
	// key is the mount.
	Mount string
	// KV is 1 or 2; 0 takes each key as a whole API path, of any engine:
	// what a KV v2 answer wraps is unwrapped, and leases are told.
	KV        int
	Namespace string
	Headers   map[string]string
	// CABundle is PEM, CA refers to PEM; with neither the system's roots
	// are trusted.
	CABundle []byte
	CA       Credential
	// ClientCert and ClientKey are for mutual TLS.
	ClientCert, ClientKey Credential
	Auth                  VaultAuth
}

// VaultAuth is how to log in. Exactly one of Token, AppRole and JWT is set.
type VaultAuth struct {
	// Namespace to log in to; empty is the config's.
	Namespace string
	Token     *Credential
	AppRole   *VaultAppRole
	// JWT serves both the jwt and the kubernetes method: the same request
	// at another mount.
	JWT *VaultJWT
}

// VaultAppRole logs in with a role and its secret.
type VaultAppRole struct {
	Mount    string
	RoleID   string     // or
	Role     Credential // refers to the role id
	SecretID Credential
}

// VaultJWT logs in with a JSON Web Token.
type VaultJWT struct {
	Mount, Role string
	Token       Credential
}

// Backend implements Config.
func (VaultConfig) Backend() string { return "vault" }

// Credentials implements Config.
func (c VaultConfig) Credentials() []Credential {
	all := []Credential{c.CA, c.ClientCert, c.ClientKey}
	if c.Auth.Token != nil {
		all = append(all, *c.Auth.Token)
	}
	if a := c.Auth.AppRole; a != nil {
		all = append(all, a.Role, a.SecretID)
	}
	if c.Auth.JWT != nil {
		all = append(all, c.Auth.JWT.Token)
	}
	return present(all)
}

// present drops the credentials that refer to nothing, and those outside the
// cluster, which are the same for every reader and which no event tells about.
func present(all []Credential) []Credential {
	var out []Credential
	for _, c := range all {
		if !c.IsZero() && c.Kind != FromFile {
			out = append(out, c)
		}
	}
	return out
}
