package v1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VaultSyncStatus restarts a Deployment when a secret in Vault changes.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=vaultsyncstatus,singular=vaultsyncstatus,scope=Namespaced,shortName=vss
// +kubebuilder:printcolumn:name="Deployment_Name",type=string,JSONPath=`.spec.deployName`
// +kubebuilder:printcolumn:name="Deployment_Namespace",type=string,JSONPath=`.spec.deployNamespace`
// +kubebuilder:printcolumn:name="Secret_Engine",type=string,JSONPath=`.spec.secretEngine`
// +kubebuilder:printcolumn:name="Secret_Path",type=string,JSONPath=`.spec.secretPath`
// +kubebuilder:printcolumn:name="Sync_Status",type=string,JSONPath=`.status.vault_sync.SyncStatus`
type VaultSyncStatus struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   VaultSyncStatusSpec   `json:"spec,omitempty"`
	Status VaultSyncStatusStatus `json:"status,omitzero"`
}

// VaultSyncStatusList is a list of VaultSyncStatus objects.
//
// +kubebuilder:object:root=true
type VaultSyncStatusList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VaultSyncStatus `json:"items"`
}

// VaultSyncStatusSpec is which secret restarts which Deployment.
type VaultSyncStatusSpec struct {
	// Name of the Deployment.
	DeployName string `json:"deployName,omitempty"`
	// Namespace of the Deployment: that of this object, unless the operator is
	// configured to let it be any.
	DeployNamespace string `json:"deployNamespace,omitempty"`
	// Mount of a KV engine of version 2 in Vault.
	SecretEngine string `json:"secretEngine,omitempty"`
	// Path of the secret below the mount.
	SecretPath string `json:"secretPath,omitempty"`
	// When the secret that the Deployment was last restarted for was updated, in
	// Vault's own words. Any other text, such as
	// 0000-00-00T00:00:00.000000000Z, stands for never.
	TimeStamp string `json:"timeStamp,omitempty"`
}

// VaultSyncStatusStatus is how the object does.
//
// +kubebuilder:pruning:PreserveUnknownFields
type VaultSyncStatusStatus struct {
	VaultSync VaultSync `json:"vault_sync,omitzero"`
}

// VaultSync is how the last look at Vault ended.
//
// +kubebuilder:pruning:PreserveUnknownFields
type VaultSync struct {
	// Synced, Already in Sync or Error.
	SyncStatus string `json:"SyncStatus,omitempty"`
	// The cause of an Error, or what one should know though all is well.
	Message string `json:"message,omitempty"`
	// The generation of the object that this is about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// When Vault last confirmed it, to within ten minutes.
	LastSync *metav1.Time `json:"lastSync,omitempty"`
	// When the Deployment was last restarted.
	LastRestart *metav1.Time `json:"lastRestart,omitempty"`
}

// UnmarshalJSON reads what is there as far as it makes sense. Under the
// original's definition anything may be, and that is as good as nothing.
func (v *VaultSync) UnmarshalJSON(b []byte) error {
	type plain VaultSync
	var p plain
	if json.Unmarshal(b, &p) != nil {
		p = plain{}
	}
	*v = VaultSync(p)
	return nil
}
