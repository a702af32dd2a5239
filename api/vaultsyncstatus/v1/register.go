package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version of the type in this package.
const (
	Group   = "stable.example.com"
	Version = "v1"
)

// VaultSyncStatusKind is the kind in this package.
const VaultSyncStatusKind = "VaultSyncStatus"

// GroupVersion is the group and version of the type in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// AddToScheme makes the type known to s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &VaultSyncStatus{}, &VaultSyncStatusList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
