// Package backend is the interface to secret stores.
//
// A backend speaks one store's protocol and nothing else: it knows no
// Kubernetes objects, no templates, no schedules. What it leaves out lives
// once, above it: credentials are resolved for it, properties are looked up
// in what it returns (engine/fetch), and the broker joins, limits, caches and
// counts its calls.
package backend

import (
	"context"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Backend is one authenticated session with one store.
//
// Methods are called concurrently. They honour ctx, make at most one attempt
// (the broker retries), and fail with an *Error whose text never holds a
// byte of what the store answered, except the store's own error messages.
type Backend interface {
	// Check proves that the store can be reached and accepts the session's
	// credentials, logging in if need be. It reads no secret. ErrUndecided
	// means that the store offers no way to tell.
	Check(ctx context.Context) error

	// Read returns the secret that ref names, at ref.Version or the newest.
	// NotFound is returned only if the store itself says that the secret
	// (or that version) does not exist or was deleted: it may lead to
	// deletion. An empty, cut or malformed answer is Malformed.
	Read(ctx context.Context, ref Ref) (Document, error)

	// Close gives the session back (revokes what was issued to it). The
	// Backend is not used afterwards.
	Close(ctx context.Context) error
}

// Finder is implemented by backends that can search.
type Finder interface {
	// Find returns the refs of all secrets that match, sorted by key.
	// Searching where nothing matches is no error.
	Find(ctx context.Context, q Query) ([]Ref, error)
}

// Writer is implemented by backends that can write.
type Writer interface {
	// Write makes the secret under key hold fields and nothing else. It
	// compares first: what is so already is not written, and changed is false.
	Write(ctx context.Context, key string, fields secret.Data) (changed bool, err error)
}

// Leaser is implemented by backends whose documents may be lent for a time
// (Document.Lease).
type Leaser interface {
	// Renew extends a lease. NotFound means that it has ended, Refused that
	// these credentials may not renew it. The lease returned lasts from now on;
	// a store caps it at what is left of the longest time it allows, and the
	// backend at what is left until lease.Until, if it knows of no later end.
	Renew(ctx context.Context, lease delivery.Lease) (delivery.Lease, error)
	// Revoke ends a lease at once. One that has ended is no error.
	Revoke(ctx context.Context, id string) error
}

// Bundler is implemented by backends whose smallest read is many secrets.
type Bundler interface {
	// Bundle returns the ref that is read where ref is asked for, and which
	// of its Document's Fields that is; an empty field takes it whole.
	Bundle(ref Ref) (bundle Ref, field string)
}

// Ref names a secret in a store. Being comparable, it is also the key under
// which the broker joins reads.
type Ref struct {
	Key     string
	Version string
	// Metadata reads what the store knows about the secret in place of its
	// value.
	Metadata bool
}

// Query selects secrets. What is empty does not limit.
type Query struct {
	Path string
	// Name is a regular expression (RE2), unanchored, on the whole key.
	Name string
	Tags map[string]string
}

// Document is what a store holds under one key.
type Document struct {
	// Value is the whole secret; JSON where the store keeps a map.
	Value secret.Value
	// Fields are the secret's parts where the store keeps them as separate,
	// possibly binary values; nil where Value says it all.
	Fields secret.Data
	// Version as the store counts; empty if it does not.
	Version string
	// Lease is zero unless the store issued this for a time. Such a document is
	// for whoever asked, and for nobody else.
	Lease delivery.Lease
	// Link is where people look at the secret; empty if there is none.
	Link string
}

// Credentials resolves what a config refers to.
type Credentials interface {
	// Resolve returns the credential's bytes as they are now. The error is
	// a *Error of kind Misconfigured that names what is missing.
	Resolve(ctx context.Context, c delivery.Credential) (secret.Value, error)
}

// Opener makes a Backend of its config. It makes no call to the store: the
// first Check or Read logs in.
type Opener func(ctx context.Context, cfg delivery.Config, creds Credentials) (Backend, error)
