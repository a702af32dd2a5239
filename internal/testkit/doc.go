// Package testkit starts the real parts that Tacit runs against: a Kubernetes
// control plane, a Vault, a PostgreSQL, clouds, and a proxy that breaks the way
// to any.
//
// The parts are processes of their own on loopback, built by `make sandbox`;
// PostgreSQL is the one that is installed.
// Everything here but the functions that take a testing.TB serves ordinary
// programs too (the demo, the bench). What is started ends with Stop, and at
// the latest when the program that started it ends, however it ends.
//
// A package that needs them in tests hands over its TestMain and asks for
// them where they are needed:
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		plane := testkit.SharedPlane(t)
//		namespace := testkit.Namespace(t, plane)
//		c := testkit.Client(t, plane)
//		…
//	}
package testkit
