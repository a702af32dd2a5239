package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// operatorFlags are the flags of `tacit operator`.
type operatorFlags struct {
	operator.Options
	vault               vaultFlags
	logLevel, logFormat string
}

func (f *operatorFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.Namespaces, "namespace", nil, "serve this namespace only; repeat it for several (default: the whole cluster)")
	flags.StringVar(&f.MetricsAddress, "metrics-bind-address", ":8080", "where to serve Prometheus metrics; 0 serves none")
	flags.StringVar(&f.ProbeAddress, "health-probe-bind-address", ":8081", "where to serve /healthz and /readyz; 0 serves none")
	flags.StringVar(&f.SealedAddress, "sealed-bind-address", ":8082", "where to serve kubeseal (see docs/sealed.md); 0 serves it nowhere")
	flags.BoolVar(&f.LeaderElect, "leader-elect", false, "let one of several replicas work, by a Lease")
	flags.StringVar(&f.LeaderNamespace, "leader-election-namespace", "", "namespace of the Lease (default: the pod's own)")
	flags.StringVar(&f.Class, "controller-class", "default", "serve stores whose spec.controller is this, or empty")
	languageFlags(flags, f)
	rolloutFlags(flags, &f.Rollouts)
	f.vault.add(flags)
	flags.StringVar(&f.HomeNamespace, "home-namespace", "", "namespace for the operator's own objects (default: the pod's own, else the first --namespace, else default)")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "json", "json or text")
}

// languageFlags are those about single languages.
func languageFlags(flags *pflag.FlagSet, f *operatorFlags) {
	l := &f.Languages
	withoutFlag(flags, &l.Without, "do not serve this language; repeat it for several")
	flags.StringArrayVar(&l.DopplerHosts, "doppler-host", nil, "host that DopplerSecrets and Doppler stores may name; repeat it for several (default: api.doppler.com)")
	flags.StringVar(&l.DopplerURL, "doppler-url", os.Getenv("DOPPLER_BASE_URL"), "Doppler's API for stores, which name no host (default: $DOPPLER_BASE_URL, else https://api.doppler.com)")
	flags.StringArrayVar(&l.DopplerNamespaces, "doppler-namespace", nil, "namespace from which DopplerSecrets reach every other; repeat it for several (default: doppler-operator-system)")
	flags.StringArrayVar(&l.MirrorCredentials, "mirrors-credential-namespace", nil, "namespace whose Secrets every SecretMirror may log in with; repeat it for several")
	flags.BoolVar(&l.KubedEverywhere, "kubed-all-namespaces", false, `let kubed's annotation sync: "" copy to all namespaces`)
	flags.StringVar(&l.KubedCluster, "kubed-cluster-name", "", "this cluster's name, for kubed's copies in other clusters")
	protectFlag(flags, &f.Protected, `namespace in which no copy is made for others; those that are there, and what asks to be filled, are served on; repeat it for several, or "" for none`)
	flags.StringVar(&f.ClustersKubeconfig, "clusters-kubeconfig", "", "kubeconfig whose contexts are the other clusters for copies")
	flags.BoolVar(&l.Reloader.AutoAll, "reload-all", false, "restart workloads that say nothing when something that they use changes")
	flags.StringVar((*string)(&l.Reloader.Strategy), "reload-strategy", string(reloader.EnvVars), "what a restart writes for Reloader's annotations: env-vars or annotations")
	flags.StringVar(&l.Sealed.KeysNamespace, "sealed-keys-namespace", sealing.KeyNamespace, "namespace of the Secrets with the keys that open SealedSecrets")
	flags.DurationVar(&l.Sealed.RenewPeriod, "sealed-key-renew-period", 30*24*time.Hour, "age at which a new key to seal for is made, the old ones staying; 0 makes none but the first")
	flags.StringArrayVar(&l.Sealed.Privileged, "sealed-privileged-namespace", nil, `namespace whose SealedSecrets may make Secrets of the types kubernetes.io/service-account-token and bootstrap.kubernetes.io/token; repeat it for several, or "*" for all`)
	flags.BoolVar(&l.VaultSyncStatus.AnyNamespace, "vaultsyncstatus-any-namespace", false, "let VaultSyncStatuses restart Deployments of other namespaces")
}

// withoutFlag is that of the operator and of what looks at its work.
func withoutFlag(flags *pflag.FlagSet, names *[]string, usage string) {
	flags.StringArrayVar(names, "without", nil, usage+" ("+strings.Join(operator.LanguageNames(), ", ")+")")
}

// protectFlag is that of the operator and of what looks at its work, with one
// default for both.
func protectFlag(flags *pflag.FlagSet, to *[]string, usage string) {
	flags.StringArrayVar(to, "protect-namespace", []string{"kube-system"}, usage)
}

// rolloutFlags are those about restarts of workloads.
func rolloutFlags(flags *pflag.FlagSet, o *operator.RolloutOptions) {
	flags.BoolVar(&o.Off, "no-rollouts", false, "restart no workloads")
	flags.IntVar(&o.PerMinute, "rollouts-per-minute", 60, "limit of restarts a minute, beside the pace of each workload; -1 is neither")
	flags.IntVar(&o.Burst, "rollouts-burst", 30, "how many restarts may come at once before the limit counts")
	flags.BoolVar(&o.OnCreate, "reload-on-create", false, "restart workloads also when something that they use appears")
	flags.BoolVar(&o.OnDelete, "reload-on-delete", false, "restart workloads also when something that they use is deleted")
}

// vaultFlags say which Vault VaultSyncStatuses look at.
type vaultFlags struct{ url, tokenFile, role, mount, caFile string }

func (v *vaultFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&v.url, "vault-url", os.Getenv("VAULT_URL"), "Vault that VaultSyncStatuses look at (default: $VAULT_URL)")
	flags.StringVar(&v.tokenFile, "vault-token-file", os.Getenv("VAULT_TOKEN_FILE"), "file with the token for it (default: $VAULT_TOKEN_FILE)")
	flags.StringVar(&v.role, "vault-role", "", "role for logging in to it with the pod's own service account, in place of a token")
	flags.StringVar(&v.mount, "vault-auth-mount", "kubernetes", "mount of the auth method for --vault-role")
	flags.StringVar(&v.caFile, "vault-ca-file", "", "PEM file of the authority that its certificate is checked with")
}

// podToken is where a pod finds the token of its own service account.
const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// config is how to reach that Vault; empty where none is named.
func (v *vaultFlags) config() (delivery.VaultConfig, error) {
	cfg := delivery.VaultConfig{Server: v.url}
	file := func(path string) delivery.Credential { return delivery.Credential{Kind: delivery.FromFile, Name: path} }
	if v.caFile != "" {
		cfg.CA = file(v.caFile)
	}
	switch {
	case v.url == "":
		if v.tokenFile != "" || v.role != "" {
			return cfg, errors.New("--vault-token-file and --vault-role need --vault-url (or $VAULT_URL)")
		}
	case v.tokenFile != "" && v.role != "":
		return cfg, errors.New("give --vault-token-file or --vault-role, not both")
	case v.tokenFile != "":
		token := file(v.tokenFile)
		cfg.Auth.Token = &token
	case v.role != "":
		cfg.Auth.JWT = &delivery.VaultJWT{Mount: v.mount, Role: v.role, Token: file(podToken)}
	case v.url == os.Getenv("VAULT_URL"):
		return delivery.VaultConfig{}, nil // perhaps meant for others
	default:
		return cfg, errors.New("--vault-url needs --vault-token-file or --vault-role")
	}
	return cfg, nil
}
