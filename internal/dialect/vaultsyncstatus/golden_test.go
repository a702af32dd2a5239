package vaultsyncstatus

import (
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/dialecttest"
)

// configured are the options of an operator that was told of a Vault.
func configured() Options {
	return Options{Vault: delivery.VaultConfig{
		Server: "https://vault.example.com:8200",
		Auth:   delivery.VaultAuth{Token: &delivery.Credential{Kind: delivery.FromFile, Name: "/etc/vault/VAULT_TOKEN"}},
	}}
}

// language is configured as the comment above the manifest says.
func language(m dialecttest.Manifest) []dialecttest.Kind {
	opts := configured()
	switch {
	case strings.Contains(m.Comment, "any namespace"):
		opts.AnyNamespace = true
	case strings.Contains(m.Comment, "no Vault"):
		opts = Options{}
	}
	return []dialecttest.Kind{dialecttest.Deliveries(VaultSyncStatuses(opts))}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	dialecttest.Plans(t, language)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	dialecttest.Examples(t, "*/*.yaml", 1, language)
}
