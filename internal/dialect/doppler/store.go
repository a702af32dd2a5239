package doppler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	dopplerv1alpha1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// The keys of a token Secret.
const (
	keyToken    = "serviceToken"
	keyIdentity = "identity"
	keyExpiry   = "expirationSeconds"
)

// fileKey is the one key of a Secret that holds a whole config as a file.
const fileKey = "DOPPLER_SECRETS_FILE"

// store is the config in Doppler. Its name tells it from every other one, so
// that all objects which read the same with the same credentials share a
// session, and an object that comes to read something else gets another.
//
// It has no namespace of its own, for the credentials may be in two: the token
// Secret's and the operator's. Each is named, after it was checked here that
// the object may use it.
func (r *reading) store() delivery.Store {
	spec := &r.Spec
	for i, name := range spec.Secrets {
		if strings.TrimSpace(name) == "" || strings.Contains(name, ",") {
			r.Invalid(fmt.Sprintf("spec.secrets[%d]", i), "%s is not the name of one secret; give each name an entry, or remove spec.secrets to take all", dialect.Quote(name))
		}
	}
	cfg := delivery.DopplerConfig{
		Host:            spec.Host,
		SkipVerify:      spec.VerifyTLS != nil && !*spec.VerifyTLS,
		Project:         spec.Project,
		Config:          spec.Config,
		Secrets:         slices.Clone(spec.Secrets),
		NameTransformer: r.OneOf("spec.nameTransformer", spec.NameTransformer, "upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"),
		Format:          r.OneOf("spec.format", spec.Format, "json", "dotnet-json", "env", "yaml", "docker"),
	}
	login := r.Name
	cfg.Auth.Account = delivery.Credential{
		Kind: delivery.FromServiceAccount, Namespace: r.opts.Account.Namespace, Name: r.opts.Account.Name, Expiry: r.expiry(),
	}
	switch {
	case spec.TokenSecret != nil && spec.Identity != "":
		r.Invalid("spec", "tokenSecret and identity are both set; remove one")
	case spec.TokenSecret != nil:
		login = spec.TokenSecret.Name
		r.byTokenSecret(&cfg.Auth, spec.TokenSecret)
	case spec.Identity != "":
		cfg.Auth.Identity = spec.Identity
		cfg.Auth.Account.Audiences = []string{"dopplerSecret:" + r.Namespace + ":" + r.Name}
	default:
		r.Invalid("spec", "neither tokenSecret nor identity is set; set tokenSecret.name to the Secret that holds the service token")
	}
	return delivery.Store{
		Ref:    delivery.StoreRef{Kind: dopplerv1alpha1.DopplerSecretKind, Name: storeName(login, &cfg)},
		Config: cfg,
	}
}

// byTokenSecret lets the keys of the Secret decide how to log in.
func (r *reading) byTokenSecret(auth *delivery.DopplerAuth, ref *dopplerv1alpha1.TokenSecretReference) {
	r.name("spec.tokenSecret.name", ref.Name)
	ns := r.reach("spec.tokenSecret.namespace", ref.Namespace, "take their token from another namespace")
	key := func(key string) delivery.Credential {
		return delivery.Credential{Kind: delivery.FromSecret, Namespace: ns, Name: ref.Name, Key: key}
	}
	auth.Token, auth.IdentityFrom = key(keyToken), key(keyIdentity)
	auth.Account.Audiences = []string{"dopplerTokenSecret:" + ns + ":" + ref.Name}
	if r.Spec.ExpirationSeconds == 0 {
		auth.ExpiryFrom = key(keyExpiry)
	}
}

// What the API server grants a service account's token.
const (
	minExpiry = 600
	maxExpiry = 1 << 32
)

func (r *reading) expiry() time.Duration {
	n := r.Spec.ExpirationSeconds
	if n == 0 {
		return 0
	}
	if n < minExpiry || n > maxExpiry {
		r.Invalid("spec.expirationSeconds", "%d is not between %d and %d, what the API server grants a token; remove it to get %d", n, minExpiry, maxExpiry, minExpiry)
		return 0
	}
	return time.Duration(n) * time.Second
}

// storeName is unique to the config, and begins with a word that means
// something to whoever reads it in a message or a metric.
func storeName(login string, cfg *delivery.DopplerConfig) string {
	all, err := json.Marshal(cfg)
	if err != nil {
		panic("a struct of strings and numbers always marshals: " + err.Error())
	}
	sum := sha256.Sum256(all)
	return dialect.Cut(login, dialect.MaxQuote) + "-" + hex.EncodeToString(sum[:16])
}

// source reads the whole config: as a map, or as a file into one key.
func (r *reading) source(from delivery.StoreRef) delivery.Source {
	s := delivery.Source{Field: "spec", Store: from, Take: delivery.TakeMap}
	if r.Spec.Format != "" {
		s.Take, s.Into = delivery.TakeValue, fileKey
	}
	return s
}
