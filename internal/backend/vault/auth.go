package vault

import (
	"context"
	"net/http"
	"strings"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// method is a way to log in. Its credentials are resolved anew each time, so
// that rotated ones are picked up.
type method interface {
	// request is what to send and where, below /v1/; a zero path means that
	// there is nothing to send and body["token"] is the user's own token.
	request(ctx context.Context) (path string, body map[string]any, err error)
}

// authMethod picks the one way that a is set up for.
func authMethod(a delivery.VaultAuth, creds backend.Credentials) (method, error) {
	var methods []method
	if a.Token != nil {
		methods = append(methods, userToken{*a.Token, creds})
	}
	if a.AppRole != nil {
		methods = append(methods, appRole{*a.AppRole, creds})
	}
	if a.JWT != nil {
		methods = append(methods, webToken{*a.JWT, creds})
	}
	if len(methods) != 1 {
		return nil, misconfigured("Vault needs exactly one way to log in: a token, an AppRole, a JWT or a Kubernetes service account")
	}
	return methods[0], nil
}

type userToken struct {
	credential delivery.Credential
	creds      backend.Credentials
}

func (m userToken) request(ctx context.Context) (string, map[string]any, error) {
	token, err := resolve(ctx, m.creds, m.credential, "token")
	return "", map[string]any{"token": token}, err
}

type appRole struct {
	delivery.VaultAppRole
	creds backend.Credentials
}

func (m appRole) request(ctx context.Context) (string, map[string]any, error) {
	role := strings.TrimSpace(m.RoleID)
	if role == "" {
		var err error
		if role, err = resolve(ctx, m.creds, m.Role, "AppRole's role id"); err != nil {
			return "", nil, err
		}
	}
	secret, err := resolve(ctx, m.creds, m.SecretID, "AppRole's secret id")
	if err != nil {
		return "", nil, err
	}
	path, err := loginPath(m.Mount)
	return path, map[string]any{"role_id": role, "secret_id": secret}, err
}

type webToken struct {
	delivery.VaultJWT
	creds backend.Credentials
}

func (m webToken) request(ctx context.Context) (string, map[string]any, error) {
	token, err := resolve(ctx, m.creds, m.Token, "JWT")
	if err != nil {
		return "", nil, err
	}
	path, err := loginPath(m.Mount)
	return path, map[string]any{"role": strings.TrimSpace(m.Role), "jwt": token}, err
}

func loginPath(mount string) (string, error) {
	mount, err := clean(mount)
	if err != nil || mount == "" {
		return "", misconfigured("the path of Vault's auth method is missing or no valid path")
	}
	return "auth/" + mount + "/login", nil
}

// resolve gets a credential without the white space that files end in.
func resolve(ctx context.Context, creds backend.Credentials, c delivery.Credential, what string) (string, error) {
	if c.IsZero() {
		return "", misconfigured("Vault's " + what + " is missing in the store")
	}
	v, err := creds.Resolve(ctx, c)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(v.Reveal()))
	if text == "" {
		return "", misconfigured("Vault's " + what + " is empty")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", misconfigured("Vault's " + what + " holds control characters")
	}
	return text, nil
}

// secretsOf lists the values of a log-in request that must not be shown.
func secretsOf(body map[string]any) []string {
	var out []string
	for _, name := range []string{"token", "role_id", "secret_id", "jwt"} {
		if s, ok := body[name].(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func loginCall(path string, body map[string]any) call {
	return call{does: "log in to Vault at " + path, method: http.MethodPost, path: path, body: body}
}
