package externalsecrets

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/tacit-secrets/tacit/api/externalsecrets/v1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// SecretStores returns the kind SecretStore.
func SecretStores() dialect.Stores { return stores{kind: esv1.SecretStoreKind} }

// ClusterSecretStores returns the kind ClusterSecretStore.
func ClusterSecretStores() dialect.Stores { return stores{kind: esv1.ClusterSecretStoreKind} }

// stores serves both kinds: they differ in their reach alone.
type stores struct{ kind string }

func (d stores) cluster() bool { return d.kind == esv1.ClusterSecretStoreKind }

// Kind implements dialect.Stores.
func (d stores) Kind() dialect.Kind {
	k := dialect.Kind{
		GVK:        esv1.GroupVersion().WithKind(d.kind),
		Namespaced: !d.cluster(),
		New:        func() client.Object { return &esv1.SecretStore{} },
		NewList:    func() client.ObjectList { return &esv1.SecretStoreList{} },
		Finalizers: []string{"secretstore.externalsecrets.io/finalizer"},
	}
	if d.cluster() {
		k.New = func() client.Object { return &esv1.ClusterSecretStore{} }
		k.NewList = func() client.ObjectList { return &esv1.ClusterSecretStoreList{} }
	}
	return k
}

// parts returns what the two kinds have in common; nil if obj is not of this
// kind.
func (d stores) parts(obj client.Object) (*esv1.SecretStoreSpec, *esv1.SecretStoreStatus) {
	switch s := obj.(type) {
	case *esv1.SecretStore:
		if !d.cluster() {
			return &s.Spec, &s.Status
		}
	case *esv1.ClusterSecretStore:
		if d.cluster() {
			return &s.Spec, &s.Status
		}
	}
	return nil, nil
}

// Translate implements dialect.Stores.
func (d stores) Translate(obj client.Object) (delivery.Store, error) {
	spec, _ := d.parts(obj)
	if spec == nil {
		return delivery.Store{}, dialect.WrongKind(d.kind, obj)
	}
	p := &dialect.Problems{}
	s := delivery.Store{
		Ref:    delivery.StoreRef{Kind: d.kind, Namespace: obj.GetNamespace(), Name: obj.GetName()},
		Object: dialect.Object(esv1.GroupVersion().WithKind(d.kind), obj),
		Class:  spec.Controller,
		Retry:  retry(p, spec.RetrySettings),
	}
	if spec.RefreshInterval != nil {
		s.Recheck = secondsOrDuration(p, "spec.refreshInterval", spec.RefreshInterval.Raw)
	}
	if d.cluster() {
		s.Allow = rules(p, spec.Conditions)
	} else if len(spec.Conditions) > 0 {
		s.Warnings = append(s.Warnings, "spec.conditions has no effect: a SecretStore serves its own namespace only")
	}
	c := configs{Problems: p, namespace: obj.GetNamespace(), name: obj.GetName(), cluster: d.cluster()}
	s.Config = c.provider(&spec.Provider)
	s.Warnings = append(s.Warnings, c.warnings...)
	if err := p.Err(); err != nil {
		s.Config = nil
		return s, err
	}
	return s, nil
}

func retry(p *dialect.Problems, r *esv1.RetrySettings) delivery.Retry {
	var out delivery.Retry
	if r == nil {
		return out
	}
	if n := r.MaxRetries; n != nil {
		// More tries than that are no help to anybody and overflow.
		const most = 1000
		switch {
		case *n < 0:
			p.Invalid("spec.retrySettings.maxRetries", "%d is negative; 0 is no further try", *n)
		case *n == 0:
			out.Max = -1
		default:
			out.Max = int(min(*n, most))
		}
	}
	if r.RetryInterval != nil {
		const field = "spec.retrySettings.retryInterval"
		out.Every = duration(p, field, *r.RetryInterval, 0)
		if out.Every < 0 {
			p.Invalid(field, "%s is negative", out.Every)
			out.Every = 0
		}
	}
	return out
}

func rules(p *dialect.Problems, conditions []esv1.NamespaceCondition) []delivery.NamespaceRule {
	var out []delivery.NamespaceRule
	for i, c := range conditions {
		field := fmt.Sprintf("spec.conditions[%d]", i)
		rule := delivery.NamespaceRule{
			Names:       slices.Clone(c.Namespaces),
			Regexes:     slices.Clone(c.NamespaceRegexes),
			HasSelector: c.NamespaceSelector != nil,
		}
		for j, expr := range c.NamespaceRegexes {
			checkRegexp(p, fmt.Sprintf("%s.namespaceRegexes[%d]", field, j), expr)
		}
		if c.NamespaceSelector != nil {
			selector, err := metav1.LabelSelectorAsSelector(c.NamespaceSelector)
			if err != nil {
				p.Invalid(field+".namespaceSelector", "%s", dialect.Cut(err.Error(), 2*dialect.MaxQuote))
				continue
			}
			rule.Selector = selector.String()
		}
		out = append(out, rule)
	}
	return out
}

// configs translates providers and binds what they refer to: to the store's
// own namespace, or, for a cluster store, to the one that it names.
type configs struct {
	*dialect.Problems
	namespace, name string // of the store
	cluster         bool
	warnings        []string
}

const servedProviders = "doppler, fake, kubernetes and vault"

func (c *configs) provider(p *esv1.SecretStoreProvider) delivery.Config {
	const field = "spec.provider"
	names := slices.Sorted(maps.Keys(p.Unserved))
	if p.Vault != nil {
		names = append(names, "vault")
	}
	if p.Doppler != nil {
		names = append(names, "doppler")
	}
	if p.Kubernetes != nil {
		names = append(names, "kubernetes")
	}
	if p.Fake != nil {
		names = append(names, "fake")
	}
	if len(names) != 1 {
		c.Invalid(field, "%s set; set exactly one provider", countOf(names))
		return nil
	}
	switch {
	case p.Vault != nil:
		return c.vault(p.Vault)
	case p.Doppler != nil:
		return c.doppler(p.Doppler)
	case p.Kubernetes != nil:
		return c.kubernetes(p.Kubernetes)
	case p.Fake != nil:
		return c.fake(p.Fake)
	}
	c.refuseProvider(field, names[0])
	return nil
}

// refuseProvider refuses a provider by its name. The schema admits any word
// as one, so it is quoted where it is not a plain one.
func (c *configs) refuseProvider(field, name string) {
	if name == "openBao" {
		c.Unsupported(field+".openBao", "this provider is not served yet; OpenBao speaks the protocol of Vault: use spec.provider.vault")
		return
	}
	const why = "not served yet, only %s are; leave the store to External Secrets by setting spec.controller to the class that it runs with"
	if plainName(name) {
		c.Unsupported(field+"."+name, "this provider is "+why, servedProviders)
		return
	}
	c.Unsupported(field, "the provider %s is "+why, dialect.Quote(name), servedProviders)
}

// plainName reports whether a name is that of a field as we all know them.
func plainName(name string) bool {
	return len(name) <= dialect.MaxQuote && validKey(name) && !strings.Contains(name, ".")
}

func countOf(names []string) string {
	if len(names) == 0 {
		return "none is"
	}
	for i, name := range names {
		if !plainName(name) {
			names[i] = dialect.Quote(name)
		}
	}
	return dialect.Cut(strings.Join(names, ", "), 2*dialect.MaxQuote) + " are"
}
