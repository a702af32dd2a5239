package delivery

// KubernetesConfig reads Secrets of a namespace, in this or another cluster.
type KubernetesConfig struct {
	// Server is the base URL of the API server; empty is the operator's own.
	Server    string
	Namespace string // that is read; "default" if empty
	CABundle  []byte
	CA        Credential
	// Exactly one of these is set.
	Token                 Credential // a bearer token or a service account's
	ClientCert, ClientKey Credential
	// Kubeconfig is a whole kubeconfig; it replaces Server and the rest.
	Kubeconfig Credential
}

// Backend implements Config.
func (KubernetesConfig) Backend() string { return "kubernetes" }

// Credentials implements Config.
func (c KubernetesConfig) Credentials() []Credential {
	return present([]Credential{c.CA, c.Token, c.ClientCert, c.ClientKey, c.Kubeconfig})
}
