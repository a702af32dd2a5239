// Package v1 holds the types of external-secrets.io/v1: ExternalSecret,
// SecretStore and ClusterSecretStore, as External Secrets reads and writes
// them.
//
// Two rules shape the schemas. What a user applies reads back unchanged: no
// field has a default here, defaults are resolved where the object is
// translated. And nothing that a user wrote is dropped: what is not served is
// kept, so that it can be refused by its name.
//
// A third guards the operator: every object that passes a schema decodes. One
// object that did not would stop the watch of its whole kind, so durations,
// base64 and numbers of any size are kept as they are written and read where
// the object is translated.
//
// +kubebuilder:object:generate=true
// +groupName=external-secrets.io
package v1

//go:generate go tool -modfile=../../../tools/go.mod controller-gen object paths=. crd output:crd:dir=../../../config/crd
