// Package v1 holds the type of stable.example.com/v1: VaultSyncStatus, as the
// kopf operator that it comes from reads and writes it.
//
// The rules are those of the other languages. What a user applies reads back
// unchanged, but for spec.timeStamp, which is the operator's own word in this
// language. Nothing that a user wrote is dropped: what makes no sense is
// refused by its name. And every object that passes a schema decodes, that of
// the original too, whose status may hold anything: one object that did not
// would stop the watch of its whole kind.
//
// +kubebuilder:object:generate=true
// +groupName=stable.example.com
package v1

//go:generate go tool -modfile=../../../tools/go.mod controller-gen object paths=. crd output:crd:dir=../../../config/crd
