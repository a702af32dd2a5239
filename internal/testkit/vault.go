package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/hashicorp/vault/api"
)

// VaultOptions are what a Vault can differ in.
type VaultOptions struct {
	// TLS makes it serve HTTPS with a certificate of its own; see
	// Vault.CACert.
	TLS bool
	// Address to listen on; by default a free port of 127.0.0.1.
	Address string
}

// Vault is a running Vault server that keeps everything in memory. It starts
// unsealed, with KV v2 at secret/, KV v1 at kv1/, the database engine at
// database/ and the auth method approle.
type Vault struct {
	// Admin is a client with the root token. Its own requests count too.
	Admin *api.Client
	// Addr is the base URL.
	Addr string
	// RootToken may do everything.
	RootToken string
	// CACert is the PEM that clients must trust; nil without TLS.
	CACert []byte

	unsealKey string
	dir       workDir
	process   *process
	authMu    sync.Mutex // parallel tests enable the same methods
}

// StartVault starts a Vault on loopback and returns when it serves. ctx
// bounds the start alone (3 minutes at most); Vault runs until Stop, or until
// this program ends.
func StartVault(ctx context.Context, options VaultOptions) (*Vault, error) {
	bin, err := binaries("vault")
	if err != nil {
		return nil, err
	}
	v := &Vault{}
	start := func(ctx context.Context) error { return v.start(ctx, bin, options) }
	if err := begin(ctx, "Vault", &v.dir, start, v.Stop); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Vault) start(ctx context.Context, bin string, options VaultOptions) error {
	var args []string
	if options.Address != "" {
		args = append(args, "-addr="+options.Address)
	}
	if options.TLS {
		cert, key := v.dir.file("tls.crt"), v.dir.file("tls.key")
		ca, err := writeCertificate(cert, key)
		if err != nil {
			return err
		}
		v.CACert = ca
		args = append(args, "-tls-cert="+cert, "-tls-key="+key)
	}
	var said firstLine
	var err error
	if v.process, err = start(bin, "vault", v.dir.path, &said, args...); err != nil {
		return err
	}
	if err := v.process.until(ctx, "Vault says where it serves", func(context.Context) error { return v.read(&said) }); err != nil {
		return err
	}
	v.Admin, err = v.Client(v.RootToken)
	return err
}

// read takes what the server says when it serves.
func (v *Vault) read(said *firstLine) error {
	var ready struct{ Address, RootToken, UnsealKey string }
	if err := said.read(&ready); err != nil {
		return err
	}
	v.Addr, v.RootToken, v.unsealKey = ready.Address, ready.RootToken, ready.UnsealKey
	return nil
}

// Client is a client of this Vault with the given token, which may be empty.
// It does not retry, so that tests see what the server answers.
func (v *Vault) Client(token string) (*api.Client, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Address = v.Addr
	config.MaxRetries = 0
	if v.CACert != nil {
		if err := config.ConfigureTLS(&api.TLSConfig{CACertBytes: v.CACert}); err != nil {
			return nil, err
		}
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.ClearNamespace() // whatever the environment says
	client.SetToken(token)
	return client, nil
}

// PID is the server's process id.
func (v *Vault) PID() int { return v.process.pid }

// Stop kills the server. It may be called more than once.
func (v *Vault) Stop() error {
	v.process.kill()
	return v.dir.remove()
}

// raw makes a request that Vault's own client does not know, such as one of
// the pages that the sandbox adds.
func (v *Vault) raw(ctx context.Context, method, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, v.Addr+path, nil)
	if err != nil {
		return err
	}
	response, err := v.Admin.CloneConfig().HttpClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
