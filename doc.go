// Package tacit is the guided tour of this repository; it holds no code.
//
// Tacit is a Kubernetes operator for the whole way of a secret: from where it
// lives (Vault, Doppler, another namespace) to where it is used (namespaces,
// other stores, other clusters), and on to the workloads that must restart. It
// runs the manifests that people already have.
//
// # One road
//
// Every manifest, whatever its language, becomes one plan and walks one road:
//
//	object ──dialect──▶ Delivery ──engine──▶ Outcome ──dialect──▶ status, events
//	                       │
//	       Source(s) → Shape → Destination(s) → Rollout, on a Schedule
//
// Follow an ExternalSecret along it, and where it forks, the others. Each paragraph names the package to open.
//
// # Before the road
//
// cmd/tacit is the binary, a file a subcommand. `tacit operator` calls
// internal/operator, the composition root: it alone knows every manifest
// language and every kind of store by name, in lists that can be read at once
// (languages.go). api has the types of the languages that have kinds of their
// own, a folder a group, and config/crd the CustomResourceDefinitions that are
// generated from them. `tacit status` asks the same languages what there is
// (internal/status).
//
// # An event
//
// internal/controller watches objects, stores, namespaces, and the metadata of
// Secrets and ConfigMaps (setup.go; of most of them controller/objects keeps a
// name and a version). An event wakes the objects that depend on its object
// (wakers.go), and notes when that was (wakes.go). That moment goes along the
// whole road, for nobody gets a value that is older than their request.
// schedule.go has the timers, which are only the backstop. deliveries.go is the
// one reconciler, for all kinds of all languages: get, translate, run, report;
// turn.go is what it knows of one run. places.go lists where a destination is to
// be, and release.go takes back what an object made when it goes.
//
// # Manifest to plan
//
// internal/dialect says what a manifest language is: object in, plan and
// warnings out; outcome in, status and events out. It executes nothing.
// internal/dialect/externalsecrets is one; its testdata shows manifests with
// the plans that they become, also those that are refused. Others are folders
// beside it: mirrors, doppler and vaultsyncstatus have kinds of their own, of
// reflector and kubed the objects are annotated Secrets and ConfigMaps. The
// plan is internal/delivery: plain data, without I/O, without Kubernetes.
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
// store's namespace. What a store lends for a time is kept by lease.go.
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
// ours to write: by its owner reference, or by marks (marked.go) where there
// can be none. It is the package to read twice. deliver.go writes many places
// beside each other.
//
// # Restarting
//
// internal/controller/rollouts watches workloads and compares what they use
// with what they bear as a record; engine/rollout patches those that differ.
// The languages of it are dialect.Workloads: reloader and dopplerreload.
//
// # Back again
//
// The outcome returns to the controller, which says when to look again, in one
// place (conclude.go), and to the dialect, which puts it into words: report.go
// and conditions.go. The status is patched once.
//
// # Everywhere
//
// internal/secret is a value that does not print, whatever prints it.
// docs/promises.md lists what Tacit promises and the test of each promise;
// docs/design why things are as they are; docs/metrics.md what is counted.
//
// # Trying it
//
// internal/testkit starts a real control plane, a real Vault, and a server that
// speaks Doppler's protocol; their modules are below sandbox. test holds the
// tests that run operators on them, end to end; sandbox/demo shows the road
// (`make demo`) with the manifests in examples, and bench measures it
// (`make bench`).
package tacit
