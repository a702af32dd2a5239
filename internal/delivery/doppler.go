package delivery

// DopplerConfig reaches one config of a Doppler project.
type DopplerConfig struct {
	Host string // base URL; empty is the operator's default, Doppler's own
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

// DopplerAuth is how to be let in: with a Token, or as an identity by a
// service account. With both Token and IdentityFrom, two keys of one Secret,
// that Secret decides: it has to hold exactly one of them.
type DopplerAuth struct {
	Token Credential // refers to a service token
	// Identity is the ID of an OIDC identity, or
	Identity string
	// IdentityFrom refers to it.
	IdentityFrom Credential
	// Account is the service account that logs in as the identity. The
	// backend adds to its Audiences the address that it logs in at, and the
	// identity if that is a UUID. Its Expiry is ten minutes if it is zero.
	Account Credential
	// ExpiryFrom refers to Account's Expiry in seconds, in place of it. A
	// Secret without that key leaves it as it is.
	ExpiryFrom Credential
}

// Backend implements Config.
func (DopplerConfig) Backend() string { return "doppler" }

// Credentials implements Config.
func (c DopplerConfig) Credentials() []Credential {
	return present([]Credential{c.Auth.Token, c.Auth.IdentityFrom, c.Auth.Account, c.Auth.ExpiryFrom})
}
