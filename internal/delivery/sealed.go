package delivery

import "time"

// Sealed is data that stands encrypted in the manifest itself, for keys that
// this cluster keeps.
type Sealed struct {
	// Entries are the ciphertexts by key, as the manifest has them.
	Entries map[string]string
	// Scope is what the entries were sealed for: the namespace and name of the
	// object that is written, the namespace alone, or nothing.
	Scope SealScope
	// Namespace and Name are those of the object that is written.
	Namespace, Name string
	// Key is what Unseal said last time; a hint, which may be of no use. It
	// spares a try with each of the cluster's keys.
	Key string
	// Made is when the object was; zero if that is unknown. A hint: what stands
	// in it was mostly sealed for the newest key of then.
	Made time.Time
}

// SealScope is where sealed data may be opened.
type SealScope string

// The scopes.
const (
	SealStrict    SealScope = "strict"         // under this namespace and name
	SealNamespace SealScope = "namespace-wide" // under any name in this namespace
	SealCluster   SealScope = "cluster-wide"   // anywhere
)

// Label is what binds a ciphertext to its scope: it is authenticated, and not
// part of the ciphertext.
func (s *Sealed) Label() string {
	switch s.Scope {
	case SealCluster:
		return ""
	case SealNamespace:
		return s.Namespace
	}
	return s.Namespace + "/" + s.Name
}
