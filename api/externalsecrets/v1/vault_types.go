package v1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// VaultProvider is the KV engine of a Vault or OpenBao server.
type VaultProvider struct {
	// How to log in.
	// +optional
	Auth *VaultAuth `json:"auth,omitempty"`

	// Address of the server, such as "https://vault.example.com:8200".
	Server string `json:"server"`

	// Where the KV engine is mounted, such as "secret"; if absent, keys
	// begin with it.
	// +optional
	Path *string `json:"path,omitempty"`

	// Version of the KV engine; v2 if absent.
	// +optional
	// +kubebuilder:validation:Enum=v1;v2
	Version string `json:"version,omitempty"`

	// Namespace of the server (an Enterprise or OpenBao feature).
	// +optional
	Namespace *string `json:"namespace,omitempty"`

	// Certificates (PEM, in base64) that vouch for the server.
	// +optional
	// +kubebuilder:validation:Format=byte
	CABundle string `json:"caBundle,omitempty"`

	// A client certificate, where the server asks for one.
	// +optional
	ClientTLS VaultClientTLS `json:"tls,omitzero"`

	// Where certificates that vouch for the server are kept.
	// +optional
	CAProvider *CAProvider `json:"caProvider,omitempty"`

	// Reads see earlier writes.
	// +optional
	ReadYourWrites bool `json:"readYourWrites,omitempty"`

	// A standby that lags behind passes reads on to the active server.
	// +optional
	ForwardInconsistent bool `json:"forwardInconsistent,omitempty"`

	// Headers of every request.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`

	// Checks on writing.
	// +optional
	CheckAndSet *VaultCheckAndSet `json:"checkAndSet,omitempty"`
}

// VaultCheckAndSet are checks on writing.
type VaultCheckAndSet struct {
	// Writes name the version that they replace.
	// +optional
	Required bool `json:"required,omitempty"`
}

// VaultClientTLS is a client certificate and its key.
type VaultClientTLS struct {
	// The certificate; the key within the Secret is tls.crt if absent.
	// +optional
	CertSecretRef *SecretKeySelector `json:"certSecretRef,omitempty"`

	// Its private key; the key within the Secret is tls.key if absent.
	// +optional
	KeySecretRef *SecretKeySelector `json:"keySecretRef,omitempty"`
}

// VaultAuth is how to log in. Exactly one method is set.
type VaultAuth struct {
	// Namespace of the server to log in to; that of the provider if absent.
	// +optional
	Namespace *string `json:"namespace,omitempty"`

	// A token.
	// +optional
	TokenSecretRef *SecretKeySelector `json:"tokenSecretRef,omitempty"`

	// The AppRole method.
	// +optional
	AppRole *VaultAppRole `json:"appRole,omitempty"`

	// The Kubernetes method.
	// +optional
	Kubernetes *VaultKubernetesAuth `json:"kubernetes,omitempty"`

	// The JWT method.
	// +optional
	JWT *VaultJWTAuth `json:"jwt,omitempty"`

	// The LDAP method. Not served yet.
	// +optional
	LDAP *apiextensionsv1.JSON `json:"ldap,omitempty"`

	// The TLS certificate method. Not served yet.
	// +optional
	Cert *apiextensionsv1.JSON `json:"cert,omitempty"`

	// The AWS IAM method. Not served yet.
	// +optional
	IAM *apiextensionsv1.JSON `json:"iam,omitempty"`

	// The user and password method. Not served yet.
	// +optional
	UserPass *apiextensionsv1.JSON `json:"userPass,omitempty"`

	// The Google Cloud method. Not served yet.
	// +optional
	GCP *apiextensionsv1.JSON `json:"gcp,omitempty"`
}

// VaultAppRole logs in with a role and its secret.
type VaultAppRole struct {
	// Where the method is mounted; "approle" if absent.
	// +optional
	Path string `json:"path,omitempty"`

	// The role id, or
	// +optional
	RoleID string `json:"roleId,omitempty"`

	// where it is kept.
	// +optional
	RoleRef *SecretKeySelector `json:"roleRef,omitempty"`

	// The secret id.
	SecretRef SecretKeySelector `json:"secretRef"`
}

// VaultKubernetesAuth logs in with the token of a service account.
type VaultKubernetesAuth struct {
	// Where the method is mounted; "kubernetes" if absent.
	// +optional
	Path string `json:"mountPath,omitempty"`

	// A service account, for which tokens are requested.
	// +optional
	ServiceAccountRef *ServiceAccountSelector `json:"serviceAccountRef,omitempty"`

	// A Secret that holds a token; its key is "token" if absent.
	// +optional
	SecretRef *SecretKeySelector `json:"secretRef,omitempty"`

	// The role in Vault.
	Role string `json:"role"`
}

// VaultJWTAuth logs in with a JSON Web Token.
type VaultJWTAuth struct {
	// Where the method is mounted; "jwt" if absent.
	// +optional
	Path string `json:"path,omitempty"`

	// The role in Vault.
	// +optional
	Role string `json:"role,omitempty"`

	// A Secret that holds the token.
	// +optional
	SecretRef *SecretKeySelector `json:"secretRef,omitempty"`

	// A service account, for which tokens are requested.
	// +optional
	KubernetesServiceAccountToken *VaultServiceAccountToken `json:"kubernetesServiceAccountToken,omitempty"`
}

// VaultServiceAccountToken is a token of a service account.
type VaultServiceAccountToken struct {
	// The service account.
	ServiceAccountRef ServiceAccountSelector `json:"serviceAccountRef"`

	// Audiences of the token, beside those of serviceAccountRef; "vault" if
	// absent.
	// +optional
	Audiences *[]string `json:"audiences,omitempty"`

	// How long the token is valid, in seconds; 600 if absent.
	// +optional
	ExpirationSeconds *int64 `json:"expirationSeconds,omitempty"`
}
