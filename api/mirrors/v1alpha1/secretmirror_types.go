// Package v1alpha1 is the older name of v1alpha2: the same fields, with the
// columns that this version had. It exists for the schema alone; the operator
// reads every object as v1alpha2.
//
// +groupName=mirrors.kts.studio
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/api/mirrors/v1alpha2" //nolint:depguard // the same kind under its older name: its schema must never differ
)

// SecretMirror copies a secret to namespaces or to Vault, and keeps the copies
// true.
//
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
// +kubebuilder:deprecatedversion:warning="mirrors.kts.studio/v1alpha1 SecretMirror is deprecated; use mirrors.kts.studio/v1alpha2, with spec.destination.namespaces in place of namespaceRegex and namespace"
// +kubebuilder:printcolumn:name="Source Name",type=string,JSONPath=`.spec.source.name`
// +kubebuilder:printcolumn:name="Dest Namespace",type=string,JSONPath=`.spec.destination.namespace`
// +kubebuilder:printcolumn:name="Dest Namespace Regex",type=string,JSONPath=`.spec.destination.namespaceRegex`
// +kubebuilder:printcolumn:name="Poll Period",type=integer,JSONPath=`.spec.pollPeriodSeconds`
// +kubebuilder:printcolumn:name="Mirror Status",type=string,JSONPath=`.status.mirrorStatus`
// +kubebuilder:printcolumn:name="Last Sync Time",type=string,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretMirror struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +kubebuilder:default:={}
	Spec v1alpha2.SecretMirrorSpec `json:"spec,omitempty"`
	// +optional
	// +kubebuilder:default:={}
	Status v1alpha2.SecretMirrorStatus `json:"status,omitzero"`
}
