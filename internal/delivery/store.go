package delivery

import "time"

// StoreRef names a store object.
type StoreRef struct {
	Kind string
	// Namespace is empty for a cluster-scoped store.
	Namespace, Name string
}

// String is how messages name the store: Kind "name".
func (r StoreRef) String() string { return r.Kind + ` "` + r.Name + `"` }

// Store is how to reach one backend: a store object, translated.
type Store struct {
	Ref StoreRef
	// Label is how messages name a store that a manifest describes itself, and
	// whose Ref says nothing to users.
	Label string
	// Object is the manifest, with its generation.
	Object Object
	// Class is the controller that it is meant for; empty is any.
	Class string
	// Config is the backend's own part; nil if Refused says why.
	Config Config
	Retry  Retry
	// Recheck is how often the store is validated; 0 is the operator's
	// default.
	Recheck time.Duration
	// Allow limits the namespaces that may use a cluster-scoped store: one
	// rule must admit. Empty allows all.
	Allow []NamespaceRule
	// Warnings are worth telling the user though the store can serve.
	Warnings []string
}

// Retry is how often and how far apart a failed call is repeated before the
// failure is reported. Zero values are the broker's defaults.
type Retry struct {
	Max   int // further tries after the first; negative: none
	Every time.Duration
}

// NamespaceRule admits a namespace if any of its parts does.
type NamespaceRule struct {
	// Field is where the manifest says so, for messages.
	Field   string
	Names   []string
	Regexes []string // RE2, unanchored
	// DotNet are .NET regular expressions whose first match must be the whole
	// name. They run under a time limit; one that exceeds it admits nothing.
	DotNet   []string
	Selector string // label selector; empty selects nothing
	// HasSelector tells an empty selector, which admits every namespace,
	// from none.
	HasSelector bool
}

// Config is what one backend needs to reach its store. Its concrete types
// are in this package, one file a backend: dialects fill them, backends read
// them, and neither knows the other.
type Config interface {
	// Backend is the name that the backend is registered under.
	Backend() string
	// Credentials lists every credential of the cluster that the config
	// refers to, so that a change of one wakes the store.
	Credentials() []Credential
}

// Credential refers to something secret or trusted in the cluster that a
// backend needs. It is resolved with the rights of the store's namespace.
// The zero Credential refers to nothing.
type Credential struct {
	Kind CredentialKind
	// Namespace is empty where it is that of the object which reads (a
	// cluster store with referent authentication).
	Namespace string
	Name      string
	Key       string // within a Secret or ConfigMap
	// Audiences and Expiry are for a service account's token.
	Audiences []string
	Expiry    time.Duration
}

// IsZero reports that the credential refers to nothing.
func (c Credential) IsZero() bool { return c.Kind == "" }

// CredentialKind is where a credential is kept.
type CredentialKind string

// The kinds of credential.
const (
	FromSecret         CredentialKind = "Secret"
	FromConfigMap      CredentialKind = "ConfigMap"
	FromServiceAccount CredentialKind = "ServiceAccount" // a fresh token each time it is resolved
	// FromFile is the file Name on the operator's own disk. Only the operator's
	// configuration may make one: no dialect makes it of a manifest, which
	// would let whoever writes manifests read that disk.
	FromFile CredentialKind = "File"
)
