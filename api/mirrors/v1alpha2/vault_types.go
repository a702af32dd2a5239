package v1alpha2

// VaultSpec is a secret in a Vault or OpenBao server.
type VaultSpec struct {
	// Address of the server, such as https://vault.example.com.
	// +optional
	Addr string `json:"addr,omitempty"`

	// Path of the secret as in the server's API: secret/data/name with version
	// 2 of the KV engine, mongodb/creds/role for credentials made on demand.
	// +optional
	Path string `json:"path,omitempty"`

	// How to log in.
	// +optional
	Auth VaultAuthSpec `json:"auth,omitzero"`
}

// VaultAuthSpec is how to log in: by approle if its secretRef has a name, else
// by token.
type VaultAuthSpec struct {
	// By an AppRole.
	// +optional
	AppRole *VaultAppRoleAuthSpec `json:"approle,omitempty"`

	// By a token.
	// +optional
	Token *VaultTokenAuthSpec `json:"token,omitempty"`
}

// VaultAppRoleAuthSpec logs in by an AppRole.
type VaultAppRoleAuthSpec struct {
	// The Secret with the role id and its secret id.
	// +optional
	SecretRef SecretReference `json:"secretRef,omitzero"`

	// Where the method is mounted; approle if absent.
	// +optional
	AppRolePath string `json:"appRolePath,omitempty"`

	// Key of the role id within the Secret; role-id if absent.
	// +optional
	RoleIDKey string `json:"roleIDKey,omitempty"`

	// Key of the secret id within the Secret; secret-id if absent.
	// +optional
	SecretIDKey string `json:"secretIDKey,omitempty"`
}

// VaultTokenAuthSpec logs in by a token.
type VaultTokenAuthSpec struct {
	// The Secret with the token.
	// +optional
	SecretRef SecretReference `json:"secretRef,omitzero"`

	// Key of the token within the Secret; token if absent.
	// +optional
	TokenKey string `json:"tokenKey,omitempty"`
}

// SecretReference names a Secret.
type SecretReference struct {
	// Name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`

	// Namespace of the Secret: this object's own, unless the operator's
	// configuration allows another.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}
