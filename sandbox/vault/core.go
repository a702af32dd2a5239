package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	log "github.com/hashicorp/go-hclog"
	authjwt "github.com/hashicorp/vault-plugin-auth-jwt"
	authkubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// ready is what a client needs to know of a server that has started.
type ready struct {
	Address   string `json:"address"`
	RootToken string `json:"rootToken"`
	UnsealKey string `json:"unsealKey"` // hex, as sys/unseal takes it
}

// newCore makes a Vault that is initialized, unsealed and has its engines.
func newCore(users *users) (*vault.Core, ready, error) {
	logger := log.New(&log.LoggerOptions{Level: log.Warn})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, ready{}, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:     storage,
		Logger:       logger,
		DisableMlock: true,
		LogicalBackends: map[string]logical.Factory{
			"kv":       kv.Factory,
			"database": database.Factory,
		},
		CredentialBackends: map[string]logical.Factory{
			"approle":    approle.Factory,
			"kubernetes": authkubernetes.Factory,
			"jwt":        authjwt.Factory,
		},
		BuiltinRegistry: newRegistry(users),
		DefaultLeaseTTL: time.Hour,
		MaxLeaseTTL:     24 * time.Hour,
	})
	if err != nil {
		return nil, ready{}, err
	}
	ctx := namespace.RootContext(context.Background())
	shares := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	result, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: shares})
	if err != nil {
		return nil, ready{}, fmt.Errorf("initialize: %w", err)
	}
	if _, err := core.Unseal(slices.Clone(result.SecretShares[0])); err != nil {
		return nil, ready{}, fmt.Errorf("unseal: %w", err)
	}
	return core, ready{
		RootToken: result.RootToken,
		UnsealKey: hex.EncodeToString(result.SecretShares[0]),
	}, mount(ctx, core, result.RootToken)
}

// mount enables what every user of the sandbox expects to find.
func mount(ctx context.Context, core *vault.Core, token string) error {
	for path, data := range map[string]map[string]any{
		"sys/mounts/secret":   {"type": "kv", "options": map[string]any{"version": "2"}},
		"sys/mounts/kv1":      {"type": "kv", "options": map[string]any{"version": "1"}},
		"sys/mounts/database": {"type": "database"},
		"sys/auth/approle":    {"type": "approle"},
	} {
		response, err := core.HandleRequest(ctx, &logical.Request{
			Operation: logical.UpdateOperation, ClientToken: token, Path: path, Data: data})
		if err == nil && response != nil {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("enable %s: %w", path, err)
		}
	}
	return nil
}
