package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExternalSecret says which secrets of a store become which keys of a
// Kubernetes Secret, and for how long they are true.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,categories={external-secrets},shortName=es
// +kubebuilder:printcolumn:name="StoreType",type=string,JSONPath=`.spec.secretStoreRef.kind`
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.secretStoreRef.name`
// +kubebuilder:printcolumn:name="Refresh Interval",type=string,JSONPath=`.spec.refreshInterval`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Last Sync",type=date,JSONPath=`.status.refreshTime`
// +kubebuilder:selectablefield:JSONPath=`.spec.secretStoreRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.secretStoreRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.target.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.refreshInterval`
type ExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ExternalSecretSpec   `json:"spec,omitempty"`
	Status ExternalSecretStatus `json:"status,omitzero"`
}

// ExternalSecretList is a list of ExternalSecrets.
//
// +kubebuilder:object:root=true
type ExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ExternalSecret `json:"items"`
}

// ExternalSecretSpec is what the user wants.
type ExternalSecretSpec struct {
	// The store to read from, for all entries that name none themselves.
	// +optional
	SecretStoreRef SecretStoreRef `json:"secretStoreRef,omitzero"`

	// The Secret that is written.
	// +optional
	Target ExternalSecretTarget `json:"target,omitzero"`

	// When values are read again: Periodic (the default) after each
	// refreshInterval, OnChange when this object changes, CreatedOnce until
	// it succeeded once.
	// +optional
	// +kubebuilder:validation:Enum=CreatedOnce;Periodic;OnChange
	RefreshPolicy string `json:"refreshPolicy,omitempty"`

	// Time between two reads under Periodic, such as "15m"; 1h if absent.
	// With "0s" values are read once.
	// +optional
	RefreshInterval string `json:"refreshInterval,omitempty"`

	// Times of day at which refreshes may happen or not. Not served yet.
	// +optional
	SyncWindows *SyncWindows `json:"syncWindows,omitempty"`

	// Single values, a key of the Secret each. They win over dataFrom.
	// +optional
	Data []ExternalSecretData `json:"data,omitempty"`

	// Sets of values, whose names become keys of the Secret. Later entries
	// win over earlier ones.
	// +optional
	DataFrom []ExternalSecretDataFrom `json:"dataFrom,omitempty"`
}

// SecretStoreRef names a store.
type SecretStoreRef struct {
	// Name of the store.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`

	// SecretStore (the default, in the same namespace) or ClusterSecretStore.
	// +optional
	// +kubebuilder:validation:Enum=SecretStore;ClusterSecretStore
	Kind string `json:"kind,omitempty"`
}

// ExternalSecretTarget is the Secret that is written, and on which terms.
type ExternalSecretTarget struct {
	// Name of the Secret; that of this object if absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`

	// Who makes and owns the Secret. Owner (the default): made, owned and
	// removed with this object. Orphan: made, not owned. Merge: keys are
	// merged into a Secret that somebody else made. CreateOrMerge: made if
	// missing, else as Merge. None: nothing is written.
	// +optional
	// +kubebuilder:validation:Enum=Owner;Orphan;Merge;None;CreateOrMerge
	CreationPolicy string `json:"creationPolicy,omitempty"`

	// What happens if the store says that a secret does not exist. Retain
	// (the default): an error, the Secret stays. Delete: with nothing left
	// the Secret is removed. Merge: its keys are removed.
	// +optional
	// +kubebuilder:validation:Enum=Delete;Merge;Retain
	DeletionPolicy string `json:"deletionPolicy,omitempty"`

	// How the Secret is made of the values; without it they are written as
	// they are.
	// +optional
	Template *ExternalSecretTemplate `json:"template,omitempty"`

	// A kind of object to write in place of a Secret. Not served yet.
	// +optional
	Manifest *ManifestReference `json:"manifest,omitempty"`

	// Makes the Secret immutable: it is written once.
	// +optional
	Immutable bool `json:"immutable,omitempty"`
}

// ManifestReference is a kind of object.
type ManifestReference struct {
	// API version of the object.
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion"`

	// Kind of the object.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
}

// SyncWindows are times at which refreshes may happen or not.
type SyncWindows struct {
	// allow or deny.
	// +kubebuilder:validation:Enum=allow;deny
	Kind string `json:"kind"`

	// The windows.
	// +kubebuilder:validation:MinItems=1
	Windows []SyncWindow `json:"windows"`
}

// SyncWindow is a span of time that begins again and again.
type SyncWindow struct {
	// When it begins: five cron fields in UTC, or a word such as @daily.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$`
	Schedule string `json:"schedule"`

	// How long it lasts, such as "8h".
	Duration string `json:"duration"`
}

// ExternalSecretStatus is what came of it.
type ExternalSecretStatus struct {
	// When the values were last known to be true.
	// +optional
	// +nullable
	RefreshTime *metav1.Time `json:"refreshTime,omitempty"`

	// The generation, labels and annotations of this object that the last
	// success was about.
	// +optional
	SyncedResourceVersion string `json:"syncedResourceVersion,omitempty"`

	// The generation that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Ready says whether the Secret holds what this object asks for.
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// The Secret, for programs that follow servicebinding.io.
	// +optional
	Binding *Binding `json:"binding,omitempty"`
}

// Binding names the Secret that was written.
type Binding struct {
	// Name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`

	// The resourceVersion that it had when it was last written or found
	// right.
	// +optional
	ResourceVersion string `json:"resourceVersion,omitempty"`
}

// Condition is one statement about an object.
type Condition struct {
	// What it is about.
	Type string `json:"type"`

	// True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`

	// The cause in one word.
	// +optional
	Reason string `json:"reason,omitempty"`

	// The cause in a sentence, without any secret value.
	// +optional
	Message string `json:"message,omitempty"`

	// When status last changed.
	// +optional
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitempty"`

	// The generation that this statement is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}
