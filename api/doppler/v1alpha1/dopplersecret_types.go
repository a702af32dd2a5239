package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DopplerSecret says which config of a Doppler project becomes which Secret.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name="Managed Secret",type=string,JSONPath=`.spec.managedSecret.name`
// +kubebuilder:printcolumn:name="In Namespace",type=string,JSONPath=`.status.managedSecret.namespace`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="secrets.doppler.com/SecretSyncReady")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="secrets.doppler.com/SecretSyncReady")].reason`
// +kubebuilder:printcolumn:name="Last Sync",type=date,JSONPath=`.status.lastSync`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="secrets.doppler.com/SecretSyncReady")].message`
type DopplerSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	Spec DopplerSecretSpec `json:"spec,omitzero"`
	// +optional
	Status DopplerSecretStatus `json:"status,omitzero"`
}

// DopplerSecretList is a list of DopplerSecrets.
//
// +kubebuilder:object:root=true
type DopplerSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DopplerSecret `json:"items"`
}

// DopplerSecretSpec is what the user wants.
//
// +kubebuilder:validation:XValidation:rule="has(self.tokenSecret) != has(self.identity)",message="Must specify either tokenSecret or identity, but not both"
type DopplerSecretSpec struct {
	// The Secret with what Doppler knows us by: under the key serviceToken a
	// service token, or under the key identity the ID of an OIDC identity,
	// with expirationSeconds beside it if need be. Not beside identity.
	// +optional
	TokenSecret *TokenSecretReference `json:"tokenSecret,omitempty"`

	// The ID of the OIDC identity that Doppler knows us by. Not beside
	// tokenSecret.
	// +optional
	Identity string `json:"identity,omitempty"`

	// How many seconds the service account's token lives that the operator
	// logs in with as the identity: at least 600, which it is if absent.
	// +optional
	ExpirationSeconds int64 `json:"expirationSeconds,omitempty"`

	// The Secret that is written.
	// +optional
	ManagedSecret ManagedSecretReference `json:"managedSecret,omitzero"`

	// The project in Doppler. A service token implies it.
	// +optional
	Project string `json:"project,omitempty"`

	// The config of the project. A service token implies it.
	// +optional
	Config string `json:"config,omitempty"`

	// Names of the secrets to take; all if absent.
	// +optional
	Secrets []string `json:"secrets,omitempty"`

	// What happens to single secrets, by their names.
	// +optional
	// +kubebuilder:default={}
	Processors map[string]SecretProcessor `json:"processors,omitempty"`

	// Address of Doppler's API. The operator's configuration limits it.
	// +optional
	// +kubebuilder:default="https://api.doppler.com"
	Host string `json:"host,omitempty"`

	// False trusts any certificate of the host.
	// +optional
	// +kubebuilder:default=true
	VerifyTLS *bool `json:"verifyTLS,omitempty"`

	// How Doppler spells the names of the secrets.
	// +optional
	// +kubebuilder:validation:Enum=upper-camel;camel;lower-snake;tf-var;dotnet-env;lower-kebab
	NameTransformer string `json:"nameTransformer,omitempty"`

	// Takes all secrets as one file in this format, under the key
	// DOPPLER_SECRETS_FILE.
	// +optional
	// +kubebuilder:validation:Enum=json;dotnet-json;env;yaml;docker
	Format string `json:"format,omitempty"`

	// Seconds between two looks at Doppler.
	// +optional
	// +kubebuilder:default=60
	ResyncSeconds *int64 `json:"resyncSeconds,omitempty"`
}

// TokenSecretReference names the Secret with the credentials.
type TokenSecretReference struct {
	// Name of the Secret.
	Name string `json:"name"`

	// Its namespace; that of this object if absent. Another one is for
	// objects in the operator's own namespaces.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// ManagedSecretReference is the Secret that is written.
type ManagedSecretReference struct {
	// Name of the Secret.
	Name string `json:"name"`

	// Its namespace; that of this object if absent. Another one is for
	// objects in the operator's own namespaces.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Type of the Secret. Of any other than Opaque, only the secrets with a
	// processor that names a key (asName) are taken.
	// +optional
	// +kubebuilder:validation:Enum=Opaque;kubernetes.io/tls;kubernetes.io/service-account-token;kubernetes.io/dockercfg;kubernetes.io/dockerconfigjson;kubernetes.io/basic-auth;kubernetes.io/ssh-auth;bootstrap.kubernetes.io/token
	// +kubebuilder:default=Opaque
	Type string `json:"type,omitempty"`

	// Labels that the Secret gets.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations that the Secret gets.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SecretProcessor is what happens to one secret.
type SecretProcessor struct {
	// plain takes the value as it is, base64 decodes it.
	// +optional
	// +kubebuilder:validation:Enum=plain;base64
	// +kubebuilder:default=plain
	Type string `json:"type,omitempty"`

	// The key that the Secret gets it under; the name in Doppler if absent.
	// +optional
	AsName string `json:"asName,omitempty"`
}

// DopplerSecretStatus is what came of it.
type DopplerSecretStatus struct {
	// secrets.doppler.com/SecretSyncReady says whether the Secret holds what
	// Doppler does, secrets.doppler.com/DeploymentReloadReady whether the
	// workloads that use it are restarted when it changes.
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// When the Secret was last known to hold what Doppler does.
	// +optional
	// +nullable
	LastSync *metav1.Time `json:"lastSync,omitempty"`

	// The Secret as it was then.
	// +optional
	ManagedSecret *ManagedSecretStatus `json:"managedSecret,omitempty"`
}

// ManagedSecretStatus is the Secret as it was when it was last written or
// found right.
type ManagedSecretStatus struct {
	// Namespace of the Secret.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`

	// The resourceVersion that it had.
	// +optional
	ResourceVersion string `json:"resourceVersion,omitempty"`

	// True if it was there before, and given to this object by its annotation
	// tacit.dev/adopt.
	// +optional
	Adopted bool `json:"adopted,omitempty"`
}
