package v1

// DopplerProvider is a config of a Doppler project.
type DopplerProvider struct {
	// How to log in.
	Auth *DopplerAuth `json:"auth"`

	// The project; not needed with a service token.
	// +optional
	Project string `json:"project,omitempty"`

	// The config; not needed with a service token.
	// +optional
	Config string `json:"config,omitempty"`

	// How names are changed where they are searched for.
	// +optional
	// +kubebuilder:validation:Enum=upper-camel;camel;lower-snake;tf-var;dotnet-env;lower-kebab
	NameTransformer string `json:"nameTransformer,omitempty"`

	// Makes what is searched for one file, DOPPLER_SECRETS_FILE, of this
	// format.
	// +optional
	// +kubebuilder:validation:Enum=json;dotnet-json;env;yaml;docker
	Format string `json:"format,omitempty"`
}

// DopplerAuth is how to log in to Doppler.
type DopplerAuth struct {
	// A token.
	// +optional
	SecretRef *DopplerAuthSecretRef `json:"secretRef,omitempty"`

	// A service account, for which Doppler issues tokens.
	// +optional
	OIDCConfig *DopplerOIDCAuth `json:"oidcConfig,omitempty"`
}

// DopplerAuthSecretRef is where a token is kept.
type DopplerAuthSecretRef struct {
	// The token; its key is "dopplerToken" if absent.
	DopplerToken SecretKeySelector `json:"dopplerToken"`
}

// DopplerOIDCAuth logs in as an identity of a service account in Doppler.
type DopplerOIDCAuth struct {
	// ID of the identity.
	Identity string `json:"identity"`

	// The ServiceAccount of the cluster that logs in.
	ServiceAccountRef ServiceAccountSelector `json:"serviceAccountRef"`

	// How long its tokens live; 600 if absent.
	// +optional
	ExpirationSeconds *int64 `json:"expirationSeconds,omitempty"`
}
