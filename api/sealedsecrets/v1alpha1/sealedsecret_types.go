package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SealedSecret is a Secret of the same name whose values stand encrypted, so
// that only the operator of this cluster can open them.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[0].message`
// +kubebuilder:printcolumn:name="Synced",type=string,JSONPath=`.status.conditions[0].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SealedSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec SealedSecretSpec `json:"spec"`
	// +optional
	Status SealedSecretStatus `json:"status,omitzero"`
}

// SealedSecretList is a list of SealedSecrets.
//
// +kubebuilder:object:root=true
type SealedSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SealedSecret `json:"items"`
}

// SealedSecretSpec is what the user wants.
type SealedSecretSpec struct {
	// What the Secret has beside the values.
	// +optional
	Template SecretTemplate `json:"template,omitzero"`

	// A whole Secret in one value, the deprecated form. Not served: seal each
	// value by itself, under encryptedData.
	// +optional
	// +kubebuilder:validation:Format=byte
	Data *string `json:"data,omitempty"`

	// The values of the Secret by key, each encrypted and in base64.
	EncryptedData EncryptedData `json:"encryptedData"`
}

// EncryptedData are ciphertexts by key.
//
// +kubebuilder:pruning:PreserveUnknownFields
type EncryptedData map[string]string

// UnmarshalJSON takes what is no word for an empty one, which never opens. The
// original's older definitions admit anything here.
func (d *EncryptedData) UnmarshalJSON(text []byte) error {
	var entries map[string]any
	_ = json.Unmarshal(text, &entries) // what is no map has no entries
	*d = make(EncryptedData, len(entries))
	for key, entry := range entries {
		(*d)[key], _ = entry.(string)
	}
	return nil
}

// SecretTemplate is what the Secret has beside the values.
type SecretTemplate struct {
	// Labels, annotations and finalizers that the Secret gets. Its name and
	// namespace are always those of this object.
	// +optional
	// +nullable
	// +kubebuilder:pruning:PreserveUnknownFields
	Metadata *TemplateMetadata `json:"metadata,omitempty"`

	// Type of the Secret; Opaque if absent.
	// +optional
	Type string `json:"type,omitempty"`

	// True has nobody change the Secret's data once it is made.
	// +optional
	Immutable *bool `json:"immutable,omitempty"`

	// Go templates by key, rendered with the values and put beside them.
	// +optional
	// +nullable
	Data map[string]string `json:"data,omitempty"`
}

// TemplateMetadata is the metadata of the Secret.
type TemplateMetadata struct {
	// +optional
	Name string `json:"name,omitempty"`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// +optional
	Finalizers []string `json:"finalizers,omitempty"`
}

// SealedSecretStatus is what came of it.
type SealedSecretStatus struct {
	// The generation of the object that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Synced says whether the Secret holds what this object does.
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// The oldest of the keys that opened the values, without which not all of
	// them would open: the first half of the SHA-256 of its public part, in
	// hexadecimal digits. After a restart it is tried first. The original has no
	// such field, and its definition drops it.
	// +optional
	SealedFor string `json:"sealedFor,omitempty"`
}

// Condition is one thing that is known of the object.
type Condition struct {
	// Synced.
	Type string `json:"type"`

	// True, False or Unknown.
	Status string `json:"status"`

	// When it was last found so.
	// +optional
	// +kubebuilder:validation:Format=date-time
	LastUpdateTime string `json:"lastUpdateTime,omitempty"`

	// When the status last became another.
	// +optional
	// +kubebuilder:validation:Format=date-time
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`

	// Why, in a word.
	// +optional
	Reason string `json:"reason,omitempty"`

	// What is wrong, and the way out.
	// +optional
	Message string `json:"message,omitempty"`
}
