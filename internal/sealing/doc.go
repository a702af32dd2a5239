// Package sealing encrypts values for the keys that clusters keep, so that
// they may stand in a public repository, and opens them again.
//
// A value that is sealed for one cluster has the form of Bitnami's Sealed
// Secrets, both ways: their files open here, and what is sealed here opens
// there. A value for several clusters has a form of its own, which begins with
// "tacit1:" so that the original refuses it before it decrypts anything; see
// docs/design/0011.
//
// Both are bound to a label (delivery.Sealed.Label): a value that was sealed
// for one namespace and name opens under no other. Nothing tells who sealed a
// value: whoever has the certificate can.
//
// The command line uses Seal, Open and ParseCertificates; the operator uses
// Keyring, which knows the keys of its cluster.
package sealing
