package mirrors

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// vault notes the store that a part of the manifest describes, and returns
// what names it and the path in it. All objects of a namespace that reach the
// same address with the same credentials name the same store, and so share one
// session.
func (t *translation) vault(field string, v *v1alpha2.VaultSpec) (delivery.StoreRef, string) {
	if v == nil {
		t.Invalid(field, "it is missing; with type vault, set addr, path and auth")
		return delivery.StoreRef{}, ""
	}
	config := delivery.VaultConfig{
		Server: t.server(field+".addr", v.Addr),
		Auth:   t.login(field+".auth", &v.Auth),
	}
	path := strings.TrimLeft(v.Path, "/")
	if path == "" {
		t.Invalid(field+".path", "it is missing; name the secret as Vault's API does, such as secret/data/name")
	}
	ref := t.ref(config)
	if !slices.ContainsFunc(t.plan.Inline, func(s delivery.Store) bool { return s.Ref == ref }) {
		t.plan.Inline = append(t.plan.Inline, delivery.Store{Ref: ref, Label: "Vault at " + config.Server, Config: config})
	}
	return ref, path
}

// ref names a store by what it is. A store of the object's own namespace
// reaches nothing beyond; one that the operator's configuration lets have
// credentials from elsewhere has no namespace, and still is for this one alone.
func (t *translation) ref(config delivery.VaultConfig) delivery.StoreRef {
	ref := delivery.StoreRef{Kind: v1alpha2.SecretMirrorKind, Namespace: t.sm.Namespace}
	for _, c := range config.Credentials() {
		if c.Namespace != t.sm.Namespace {
			ref.Namespace = ""
		}
	}
	// It cannot fail: the config holds words and nothing else.
	text, _ := json.Marshal(config)
	ref.Name = digest(t.sm.Namespace + "/" + string(text))
	return ref
}

// server checks an address. What is wrong with it is not quoted: it may hold
// a password.
func (t *translation) server(field, address string) string {
	u, err := url.Parse(address)
	switch {
	case address == "":
		t.Invalid(field, "the address is missing, such as https://vault.example.com:8200")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		t.Invalid(field, "it is no http or https address, such as https://vault.example.com:8200")
	case u.User != nil:
		t.Invalid(field, "an address with a user or password is not allowed; log in by auth")
	}
	return strings.TrimRight(address, "/")
}

// login is how to be let in. An AppRole that names its Secret is preferred.
func (t *translation) login(field string, a *v1alpha2.VaultAuthSpec) delivery.VaultAuth {
	if r := a.AppRole; r != nil && r.SecretRef.Name != "" {
		if a.Token != nil {
			t.warn(field+".token", "has no effect: auth.approle is used")
		}
		field += ".approle"
		mount := strings.Trim(r.AppRolePath, "/")
		return delivery.VaultAuth{AppRole: &delivery.VaultAppRole{
			Mount:    or(mount, "approle"),
			Role:     t.credential(field, &r.SecretRef, or(r.RoleIDKey, "role-id")),
			SecretID: t.credential(field, &r.SecretRef, or(r.SecretIDKey, "secret-id")),
		}}
	}
	if a.Token == nil || a.Token.SecretRef.Name == "" {
		t.Invalid(field, "it names no Secret to log in with; set approle.secretRef.name or token.secretRef.name")
		return delivery.VaultAuth{}
	}
	token := t.credential(field+".token", &a.Token.SecretRef, or(a.Token.TokenKey, "token"))
	return delivery.VaultAuth{Token: &token}
}

// credential is a key of a Secret of the object's own namespace, or of one
// that the operator's configuration allows: otherwise whoever may create a
// SecretMirror could send any Secret of the cluster to any address.
func (t *translation) credential(field string, ref *v1alpha2.SecretReference, key string) delivery.Credential {
	namespace := or(ref.Namespace, t.sm.Namespace)
	if namespace != t.sm.Namespace && !slices.Contains(t.allowed, namespace) {
		t.Invalid(field+".secretRef.namespace", "%s is not the namespace of this SecretMirror, and the operator may not take "+
			"credentials from there; remove it and keep the Secret in %s, or run the operator with --mirrors-credential-namespace=%s",
			dialect.Quote(namespace), dialect.Quote(t.sm.Namespace), dialect.Cut(namespace, dialect.MaxQuote))
		namespace = t.sm.Namespace
	}
	return delivery.Credential{Kind: delivery.FromSecret, Namespace: namespace, Name: ref.Name, Key: key}
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
