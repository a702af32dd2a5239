package delivery

// DopplerConfig reaches one config of a Doppler project.
type DopplerConfig struct {
	Host string // base URL; empty is https://api.doppler.com
	// SkipVerify trusts any certificate.
	SkipVerify bool
	// Project and Config may be empty where the token is for one config.
	Project, Config string
	// Secrets limits what is read to these names; nil reads all.
	Secrets []string
	// NameTransformer and Format are passed on to the API; a Format makes the
	// whole config one value.
	NameTransformer, Format string
	Auth                    DopplerAuth
}

// DopplerAuth is how to be let in. Exactly one of Token and Identity is set.
type DopplerAuth struct {
	Token Credential // refers to a service token
	// Identity is the ID of an OIDC identity, or
	Identity string
	// IdentityFrom refers to it.
	IdentityFrom Credential
	// Account is the service account that logs in as the identity.
	Account Credential
}

// Backend implements Config.
func (DopplerConfig) Backend() string { return "doppler" }

// Credentials implements Config.
func (c DopplerConfig) Credentials() []Credential {
	return present([]Credential{c.Auth.Token, c.Auth.IdentityFrom, c.Auth.Account})
}
