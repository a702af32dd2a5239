// Package v1alpha1 holds the type of secrets.doppler.com/v1alpha1,
// DopplerSecret, as the Doppler Secrets Operator reads and writes it.
//
// What the original's schema admits this one admits, with the same defaults,
// so that objects made under either read back the same under both. The status
// has more: with the original's definition in the cluster that part is pruned
// away, which costs one read more after a start.
//
// Every object that passes the schema decodes. One that did not would stop the
// watch of its kind for everybody.
//
// +kubebuilder:object:generate=true
// +groupName=secrets.doppler.com
package v1alpha1

//go:generate go tool -modfile=../../../tools/go.mod controller-gen object paths=. crd output:crd:dir=../../../config/crd
