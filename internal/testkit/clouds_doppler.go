package testkit

import (
	"context"
	"net/http"
	"time"
)

// Doppler is a server of Doppler's API, version 3. Its methods are what
// Doppler has a dashboard for. On shared clouds a test keeps to a project of
// its own, named after its namespace, say: faults and the log of requests are
// by project.
type Doppler struct {
	// Addr is the base URL over plain HTTP.
	Addr string
	// TLSAddr is the same server over HTTPS; see Clouds.CACert.
	TLSAddr string

	admin admin
}

// Config makes the project and the config if they are not there, replaces the
// config's secrets by these, and issues a service token that may read it.
// Values may refer to others: ${NAME}, ${config.NAME}, ${project.config.NAME}.
// Every config also has DOPPLER_PROJECT, DOPPLER_ENVIRONMENT and
// DOPPLER_CONFIG.
func (d *Doppler) Config(ctx context.Context, project, config string, secrets map[string]string) (token string, err error) {
	body := map[string]any{"project": project, "config": config, "secrets": secrets}
	if err := d.admin.ask(ctx, http.MethodPut, "configs", body, nil); err != nil {
		return "", err
	}
	return d.Token(ctx, DopplerToken{Type: "service_token", Project: project, Config: config})
}

// Set writes one secret of a config that is there.
func (d *Doppler) Set(ctx context.Context, project, config, name, value string) error {
	return d.change(ctx, project, config, name, &value)
}

// Delete removes one secret. It is no error if there is no such.
func (d *Doppler) Delete(ctx context.Context, project, config, name string) error {
	return d.change(ctx, project, config, name, nil)
}

func (d *Doppler) change(ctx context.Context, project, config, name string, value *string) error {
	body := map[string]any{"project": project, "config": config, "secrets": map[string]*string{name: value}}
	return d.admin.ask(ctx, http.MethodPost, "secrets", body, nil)
}

// DopplerToken is what a token may do.
type DopplerToken struct {
	// Type is service_token, personal, cli or service_account_api.
	Type string
	// Project and Config are what a service token is bound to.
	Project, Config string
	// Projects are what other tokens reach; none means all.
	Projects []string
	// Write lets it change secrets.
	Write bool
	// TTL is how long it lives; 0 is for ever. It counts in whole seconds.
	TTL time.Duration
}

// Token issues a token.
func (d *Doppler) Token(ctx context.Context, t DopplerToken) (string, error) {
	var issued struct{ Token string }
	err := d.admin.ask(ctx, http.MethodPost, "tokens", map[string]any{
		"type": t.Type, "project": t.Project, "config": t.Config, "projects": t.Projects,
		"write": t.Write, "ttlSeconds": int(t.TTL / time.Second),
	}, &issued)
	return issued.Token, err
}

// Revoke ends a token of any kind, at once.
func (d *Doppler) Revoke(ctx context.Context, token string) error {
	return d.admin.ask(ctx, http.MethodDelete, "tokens", map[string]string{"token": token}, nil)
}

// DopplerIdentity is a service account's identity: who gets a token for an
// OIDC token, and what that may read.
type DopplerIdentity struct {
	// Plane issues the OIDC tokens. Without one any signature will do.
	Plane *Plane
	// Audiences are those of which the OIDC token must have one.
	Audiences []string
	// Subjects are those of which the OIDC token must have one:
	// system:serviceaccount:NAMESPACE:NAME. Required with Plane.
	Subjects []string
	// Projects are what the issued tokens reach; none means all.
	Projects []string
	// TTL is how long issued tokens live; by default an hour.
	TTL time.Duration
}

// Identity makes an identity and returns its id.
func (d *Doppler) Identity(ctx context.Context, i DopplerIdentity) (string, error) {
	claims := map[string][]string{"aud": i.Audiences}
	if len(i.Subjects) > 0 {
		claims["sub"] = i.Subjects
	}
	body := map[string]any{"claims": claims, "projects": i.Projects, "ttlSeconds": int(i.TTL / time.Second)}
	if i.Plane == nil {
		body["insecure"] = true
	} else {
		key, err := i.Plane.TokenKey()
		if err != nil {
			return "", err
		}
		body["pem"], body["issuer"] = string(key), tokenIssuer
	}
	var made struct{ Identity string }
	err := d.admin.ask(ctx, http.MethodPost, "identities", body, &made)
	return made.Identity, err
}

// DopplerLimits are how many requests of one token a window may have. Past
// them the server answers 429 with Retry-After until the window ends.
type DopplerLimits struct {
	Reads, SecretReads, Writes int
	// Window is a minute by default.
	Window time.Duration
}

// Limit sets a token's limits and counts anew.
func (d *Doppler) Limit(ctx context.Context, token string, l DopplerLimits) error {
	return d.admin.ask(ctx, http.MethodPut, "limits", map[string]any{
		"token": token, "reads": l.Reads, "secretReads": l.SecretReads, "writes": l.Writes,
		"windowSeconds": l.Window.Seconds(),
	}, nil)
}
