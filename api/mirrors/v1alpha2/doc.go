// Package v1alpha2 holds the type of mirrors.kts.studio/v1alpha2,
// SecretMirror, as the original "mirrors" reads and writes it.
//
// Three rules shape the schema. It holds the fields of v1alpha1 too, and that
// of v1alpha1 the fields of this version: so an object of either version is
// stored whole and reads as the other without a webhook that converts. Where
// the original writes its defaults into the objects, the schema has them as
// defaults, for the columns of kubectl and whoever else reads them there. The
// one that depends on another field is not there: with Vault as destination
// nothing is ever deleted, whatever deletePolicy says.
//
// And every object that passes the schema decodes. One that did not would stop
// the watch of its whole kind, so times are kept as they are written and read
// where the object is translated, and numbers have bounds.
//
// +kubebuilder:object:generate=true
// +groupName=mirrors.kts.studio
package v1alpha2

//go:generate go tool -modfile=../../../tools/go.mod controller-gen object paths=.
//go:generate go tool -modfile=../../../tools/go.mod controller-gen crd paths=../... output:crd:dir=../../../config/crd
