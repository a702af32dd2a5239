package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretMirrorStatus is what came of it.
type SecretMirrorStatus struct {
	// Pending, Active or Error.
	// +optional
	// +kubebuilder:default:=Pending
	// +kubebuilder:validation:Enum=Pending;Active;Error
	MirrorStatus string `json:"mirrorStatus,omitempty"`

	// When the copies were last known to be true; the beginning of 1970 if
	// never.
	// +optional
	// +kubebuilder:default:="1970-01-01T00:00:00Z"
	// +kubebuilder:validation:Format=date-time
	LastSyncTime string `json:"lastSyncTime,omitempty"`

	// What Vault issued for a time.
	// +optional
	VaultSource *VaultSourceStatus `json:"vaultSource,omitempty"`

	// The generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Ready says whether the copies are what this object asks for, and if not,
	// why.
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`
}

// VaultSourceStatus is a lease: what Vault issued for a time.
type VaultSourceStatus struct {
	// Its ID in Vault.
	// +optional
	LeaseID string `json:"leaseID,omitempty"`

	// How many seconds it lasts from renewedAt on.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	LeaseDuration int64 `json:"leaseDuration,omitempty"`

	// Whether it can be renewed; it can if absent.
	// +optional
	Renewable *bool `json:"renewable,omitempty"`

	// When it was given or last renewed; lastSyncTime if absent.
	// +optional
	// +kubebuilder:validation:Format=date-time
	RenewedAt string `json:"renewedAt,omitempty"`

	// When the token that it was taken with ends, and it too, unless that token
	// is renewed once more; not known if absent.
	// +optional
	// +kubebuilder:validation:Format=date-time
	TokenEndsAt string `json:"tokenEndsAt,omitempty"`

	// The address and the path that it is from.
	// +optional
	Addr string `json:"addr,omitempty"`
	// +optional
	Path string `json:"path,omitempty"`
}

// Condition is one statement about an object.
type Condition struct {
	// What it is about.
	Type string `json:"type"`

	// True, False or Unknown.
	Status metav1.ConditionStatus `json:"status"`

	// The cause in one word.
	// +optional
	Reason string `json:"reason,omitempty"`

	// The cause in a sentence, without any secret value.
	// +optional
	Message string `json:"message,omitempty"`

	// When status last changed.
	// +optional
	// +kubebuilder:validation:Format=date-time
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`

	// The generation that this statement is about.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}
