// Package v1alpha1 holds the type of bitnami.com/v1alpha1, SealedSecret, as
// Sealed Secrets reads and writes it.
//
// What the original's schema admits this one admits, and nothing that a user
// wrote is dropped, so that objects made under either read back the same under
// both. There are no defaults.
//
// Every object that passes the schema decodes. One that did not would stop the
// watch of its kind for everybody: so times are kept as they are written, what
// a template's metadata may hold beside what is read is left alone, and an
// entry that is no word counts as an empty one.
//
// +kubebuilder:object:generate=true
// +groupName=bitnami.com
package v1alpha1

//go:generate go tool -modfile=../../../tools/go.mod controller-gen object paths=. crd output:crd:dir=../../../config/crd
