// Package tacit is the guided tour of this repository; it holds no code.
//
// Tacit is a Kubernetes operator for the whole way of a secret. Today that is
// one road: an ExternalSecret names a secret in a store such as Vault, and a
// Secret of the cluster is made of it and kept true.
//
// # One road
//
// Every manifest, whatever its language, becomes one plan and walks one road:
//
//	object ──dialect──▶ Delivery ──engine──▶ Outcome ──dialect──▶ status, events
//	                       │
//	       Source(s) → Shape → Destination, on a Schedule
//
// Follow an ExternalSecret along it. Each paragraph names the package to open.
//
// # Before the road
//
// cmd/tacit is the binary, a file a subcommand. `tacit operator` calls
// internal/operator, the composition root: it alone knows every manifest
// language and every kind of store by name, in two lists that can be read at
// once (languages.go). api/externalsecrets/v1 has the types of the language,
// and config/crd the CustomResourceDefinitions that are generated from them.
//
// # An event
//
// internal/controller watches objects, stores, the metadata of Secrets, and
// what templates and credentials refer to (watches.go). An event wakes the
// objects that depend on its object, and notes when that was: wakes.go. That
// moment goes along the whole road, for nobody gets a value that is older than
// their request. schedule.go has the timers, which are only the backstop.
// deliveries.go is the one reconciler, for all kinds of all languages: get,
// translate, run, report.
//
// # Manifest to plan
//
// internal/dialect says what a manifest language is: object in, plan and
// warnings out; outcome in, status and events out. It executes nothing.
// internal/dialect/externalsecrets is one; its testdata shows manifests with
// the plans that they become, also those that are refused. The plan is
// internal/delivery: plain data, without I/O, without Kubernetes.
//
// # Reading
//
// internal/engine walks the plan, a stage a package. engine/fetch reads the
// sources through internal/broker, which owns what readers of a store share:
// one authenticated session, identical reads joined into one, a rate, a gate
// that shuts when the store refuses us. Behind it are the backends: the
// interface and its error kinds in internal/backend, a folder a kind of store,
// and internal/backend/backendtest, the suite that all of them pass. What they
// log in with is resolved by internal/credentials, with the rights of the
// store's namespace.
//
// # Shaping
//
// engine/fetch also has what a property, a decoding, a rewrite and a valid key
// mean, once for all stores. engine/shape renders the templates: bounded in
// time and size, and without any way to reach beyond their input.
//
// # Writing
//
// engine/target writes the Secret: whole, in one request, and only if it is
// ours to write. It is the package to read twice.
//
// # Back again
//
// The outcome returns to the controller, which says when to look again, in one
// place (conclude, in deliveries.go), and to the dialect, which puts it into
// words: report.go and conditions.go. The status is patched once.
//
// # Everywhere
//
// internal/secret is a value that does not print, whatever prints it.
// docs/promises.md lists what Tacit promises and the test of each promise;
// docs/design why things are as they are; docs/metrics.md what is counted.
//
// # Trying it
//
// internal/testkit starts a real control plane and a real Vault, whose modules
// are below sandbox. test holds the tests that run operators on them, end to
// end; sandbox/demo shows the road (`make demo`) with the manifests in
// examples, and bench measures it (`make bench`).
package tacit
