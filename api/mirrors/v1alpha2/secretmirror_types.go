package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretMirror copies a secret to namespaces or to Vault, and keeps the copies
// true.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name="Source Type",type=string,JSONPath=`.spec.source.type`
// +kubebuilder:printcolumn:name="Source Name",type=string,JSONPath=`.spec.source.name`
// +kubebuilder:printcolumn:name="Destination Type",type=string,JSONPath=`.spec.destination.type`
// +kubebuilder:printcolumn:name="Delete Policy",type=string,JSONPath=`.spec.deletePolicy`
// +kubebuilder:printcolumn:name="Poll Period",type=integer,JSONPath=`.spec.pollPeriodSeconds`
// +kubebuilder:printcolumn:name="Mirror Status",type=string,JSONPath=`.status.mirrorStatus`
// +kubebuilder:printcolumn:name="Last Sync Time",type=string,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretMirror struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default:={}
	Spec SecretMirrorSpec `json:"spec,omitempty"`
	// +optional
	// +kubebuilder:default:={}
	Status SecretMirrorStatus `json:"status,omitzero"`
}

// SecretMirrorList is a list of SecretMirrors.
//
// +kubebuilder:object:root=true
type SecretMirrorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecretMirror `json:"items"`
}

// SecretMirrorSpec is what is copied, and to where.
type SecretMirrorSpec struct {
	// What is copied.
	// +optional
	// +kubebuilder:default:={}
	Source SecretMirrorSource `json:"source,omitempty"`

	// Where it is copied to.
	// +optional
	// +kubebuilder:default:={}
	Destination SecretMirrorDestination `json:"destination,omitempty"`

	// Whether the copies go (delete) or stay (retain) when this object goes or
	// no longer wants them. What is in Vault always stays.
	// +optional
	// +kubebuilder:default:=delete
	// +kubebuilder:validation:Enum=delete;retain
	DeletePolicy string `json:"deletePolicy,omitempty"`

	// Seconds between two looks at Vault. A Secret that is the source is
	// watched and needs none.
	// +optional
	// +kubebuilder:default:=180
	// +kubebuilder:validation:Minimum=-9007199254740991
	// +kubebuilder:validation:Maximum=9007199254740991
	PollPeriodSeconds int64 `json:"pollPeriodSeconds,omitempty"`
}

// SecretMirrorSource is what is copied.
type SecretMirrorSource struct {
	// A Secret of this object's own namespace, or a secret in Vault.
	// +optional
	// +kubebuilder:default:=secret
	// +kubebuilder:validation:Enum=secret;vault
	Type string `json:"type,omitempty"`

	// Name of the Secret and of its copies; that of this object if absent.
	// +optional
	Name string `json:"name,omitempty"`

	// The secret in Vault.
	// +optional
	Vault *VaultSpec `json:"vault,omitempty"`
}

// SecretMirrorDestination is where the copies are.
type SecretMirrorDestination struct {
	// Namespaces, or Vault.
	// +optional
	// +kubebuilder:default:=namespaces
	// +kubebuilder:validation:Enum=namespaces;vault
	Type string `json:"type,omitempty"`

	// Regular expressions (RE2). A namespace in whose name one of them matches
	// gets a copy; they are not anchored.
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// The secret in Vault.
	// +optional
	Vault *VaultSpec `json:"vault,omitempty"`

	// A regular expression, as in v1alpha1; new manifests use namespaces.
	// +optional
	NamespaceRegex string `json:"namespaceRegex,omitempty"`

	// The name of one namespace, as in v1alpha1; new manifests use namespaces.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}
