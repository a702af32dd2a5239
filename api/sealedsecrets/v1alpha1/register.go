package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version of the types in this package, and the kind.
const (
	Group            = "bitnami.com"
	Version          = "v1alpha1"
	SealedSecretKind = "SealedSecret"
)

// GroupVersion is the group and version of the types in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// AddToScheme makes the types known to s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &SealedSecret{}, &SealedSecretList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
