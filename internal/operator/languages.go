package operator

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	dopplerv1 "github.com/tacit-secrets/tacit/api/doppler/v1alpha1"
	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	sealedv1alpha1 "github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	vssv1 "github.com/tacit-secrets/tacit/api/vaultsyncstatus/v1"
	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/doppler"
	"github.com/tacit-secrets/tacit/internal/backend/fake"
	"github.com/tacit-secrets/tacit/internal/backend/kubernetes"
	"github.com/tacit-secrets/tacit/internal/backend/vault"
	"github.com/tacit-secrets/tacit/internal/controller/objects"
	"github.com/tacit-secrets/tacit/internal/dialect"
	dopplersecrets "github.com/tacit-secrets/tacit/internal/dialect/doppler"
	"github.com/tacit-secrets/tacit/internal/dialect/dopplerreload"
	"github.com/tacit-secrets/tacit/internal/dialect/externalsecrets"
	"github.com/tacit-secrets/tacit/internal/dialect/kubed"
	"github.com/tacit-secrets/tacit/internal/dialect/mirrors"
	"github.com/tacit-secrets/tacit/internal/dialect/reflector"
	"github.com/tacit-secrets/tacit/internal/dialect/reloader"
	"github.com/tacit-secrets/tacit/internal/dialect/sealedsecrets"
	"github.com/tacit-secrets/tacit/internal/dialect/vaultsyncstatus"
)

// LanguageOptions are what the operator's configuration says about languages.
// The zero value serves all, as carefully as can be.
type LanguageOptions struct {
	// Without names languages that are not served.
	Without []string
	// MirrorCredentials are namespaces whose Secrets every SecretMirror may
	// log in with.
	MirrorCredentials []string
	// DopplerHosts are those that DopplerSecrets and stores may name; empty is
	// Doppler's own.
	DopplerHosts []string
	// DopplerURL is the address of Doppler's API where stores, which have no
	// host of their own, find it; empty is Doppler's own.
	DopplerURL string
	// DopplerNamespaces are the operator's own for DopplerSecrets: from there
	// they reach every namespace. Empty is the original's.
	DopplerNamespaces []string
	// KubedEverywhere lets kubed's annotation copy to all namespaces.
	KubedEverywhere bool
	// KubedCluster is this cluster's name for copies in other clusters.
	KubedCluster string
	// Reloader are the original's settings.
	Reloader reloader.Options
	// VaultSyncStatus has the Vault that its objects look at.
	VaultSyncStatus vaultsyncstatus.Options
	// Sealed has the keys that open SealedSecrets.
	Sealed SealedOptions
}

// Languages lists every manifest language that the options leave on.
func Languages(o LanguageOptions) []dialect.Language {
	all := []dialect.Language{
		{
			Name:       "external-secrets",
			Stores:     []dialect.Stores{externalsecrets.SecretStores(), externalsecrets.ClusterSecretStores()},
			Deliveries: []dialect.Deliveries{externalsecrets.ExternalSecrets()},
		},
		{
			Name:       "mirrors",
			Workers:    8,
			Deliveries: []dialect.Deliveries{mirrors.SecretMirrors(mirrors.Options{CredentialNamespaces: o.MirrorCredentials})},
		},
		{
			Name:       "doppler",
			Workers:    16,
			Deliveries: []dialect.Deliveries{dopplersecrets.DopplerSecrets(dopplersecrets.Options{HomeNamespaces: o.DopplerNamespaces})},
		},
		{
			Name:       "vaultsyncstatus",
			Workers:    4,
			Deliveries: []dialect.Deliveries{vaultsyncstatus.VaultSyncStatuses(o.VaultSyncStatus)},
		},
		{
			Name:       sealedSecrets,
			Workers:    8,
			Deliveries: []dialect.Deliveries{sealedsecrets.With(sealedsecrets.Options{PrivilegedNamespaces: o.Sealed.Privileged})},
		},
		{
			Name:       "reflector",
			Workers:    4,
			Deliveries: []dialect.Deliveries{reflector.New(objects.Secret), reflector.New(objects.ConfigMap)},
		},
		{
			Name:       "kubed",
			Workers:    4,
			Deliveries: []dialect.Deliveries{kubed.New(objects.Secret, o.kubed()), kubed.New(objects.ConfigMap, o.kubed())},
		},
	}
	return slices.DeleteFunc(all, func(l dialect.Language) bool { return slices.Contains(o.Without, l.Name) })
}

// doppler admits the hosts that are listed, and the one that needs no listing.
func (o LanguageOptions) doppler() doppler.Options {
	out := doppler.Options{Hosts: o.DopplerHosts, Default: o.DopplerURL}
	if out.Default == "" {
		return out
	}
	if len(out.Hosts) == 0 {
		out.Hosts = []string{doppler.Home}
	}
	out.Hosts = append(slices.Clone(out.Hosts), out.Default)
	return out
}

func (o LanguageOptions) kubed() kubed.Options {
	return kubed.Options{AllNamespaces: o.KubedEverywhere, Cluster: o.KubedCluster}
}

// Workloads lists every language in which workloads ask to be restarted that
// the options leave on. What Doppler's operator serves of both kinds has one
// name.
func Workloads(o LanguageOptions) []dialect.Workloads {
	var out []dialect.Workloads
	for _, l := range workloads(o) {
		if !slices.Contains(o.Without, l.name) {
			out = append(out, l.Workloads)
		}
	}
	return out
}

type namedWorkloads struct {
	name string
	dialect.Workloads
}

func workloads(o LanguageOptions) []namedWorkloads {
	return []namedWorkloads{{"reloader", reloader.New(o.Reloader)}, {"doppler", dopplerreload.New()}}
}

// LanguageNames are those that LanguageOptions.Without can name.
func LanguageNames() []string {
	var names []string
	for _, l := range Languages(LanguageOptions{}) {
		names = append(names, l.Name)
	}
	for _, l := range workloads(LanguageOptions{}) {
		if !slices.Contains(names, l.name) {
			names = append(names, l.name)
		}
	}
	return names
}

// Check refuses names of languages that there are not, and hosts that are none.
func (o LanguageOptions) Check() error {
	known := LanguageNames()
	for _, name := range o.Without {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no language %q to do without; there are %s", name, strings.Join(known, ", "))
		}
	}
	if err := o.doppler().Validate(); err != nil {
		return fmt.Errorf("--doppler-host or --doppler-url: %w", err)
	}
	return nil
}

// backends lists every kind of store.
func backends(own *rest.Config, o Options) map[string]backend.Opener {
	return map[string]backend.Opener{
		"vault":      vault.Open,
		"kubernetes": kubernetes.NewOpener(own),
		"doppler":    doppler.NewOpener(o.Languages.doppler()),
		"fake":       fake.Open,
	}
}

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, esv1.AddToScheme, mirrorsv1.AddToScheme, dopplerv1.AddToScheme, vssv1.AddToScheme,
		sealedv1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	return s
}
