// Package broker owns what everybody who talks to a store shares: one
// authenticated session a store identity, joined reads, a rate, waiting when
// the store asks for it, and no repeated tries with credentials that were
// refused.
//
// Sessions are never shared between stores, and where a cluster store takes
// its credentials from the namespace that reads, not between namespaces.
package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Limits bound what one session does. Zero values are replaced by defaults.
type Limits struct {
	Rate       float64       // calls a second; default 500
	Burst      int           // default 500
	Concurrent int           // calls under way at once; default 32
	Timeout    time.Duration // for one call with its retries; default 30s
	Keep       time.Duration // results, for those who asked before; default 1m
	KeepBytes  int           // of results; default 16 MiB
	// Lockout is how long refused credentials are not tried again, and
	// doubles with each refusal up to MaxLockout; default 30s and 15m.
	Lockout, MaxLockout time.Duration
}

func (l Limits) withDefaults() Limits {
	def := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	if l.Rate == 0 {
		l.Rate = 500
	}
	if l.Burst == 0 {
		l.Burst = 500
	}
	if l.Concurrent == 0 {
		l.Concurrent = 32
	}
	if l.KeepBytes == 0 {
		l.KeepBytes = 16 << 20
	}
	def(&l.Timeout, 30*time.Second)
	def(&l.Keep, time.Minute)
	def(&l.Lockout, 30*time.Second)
	def(&l.MaxLockout, 15*time.Minute)
	return l
}

// CredentialsFor gives the credentials that a store may use when it serves an
// object in the namespace.
type CredentialsFor func(store delivery.StoreRef, namespace string) backend.Credentials

// Broker hands out sessions. Make it with New.
type Broker struct {
	openers     map[string]backend.Opener
	credentials CredentialsFor
	limits      Limits
	metrics     *Metrics
	now         func() time.Time

	mu       sync.Mutex
	sessions map[identity]*session
	// asked is how long stores asked us to wait.
	asked map[identity]*patience
	// counted is how many sessions of a store may still count something. Its
	// series go with the last, though not at once: mostly another follows.
	counted map[delivery.StoreRef]int
	// users are the sessions of inline stores by where their credentials are
	// kept.
	users map[keeper]map[identity]bool
}

// identity is whose session it is.
type identity struct {
	store delivery.StoreRef
	// namespace of the reader, where the credentials come from there.
	namespace string
}

// Options configure a Broker.
type Options struct {
	// Openers by backend name.
	Openers     map[string]backend.Opener
	Credentials CredentialsFor
	Limits      Limits
	Metrics     *Metrics
	Now         func() time.Time // default time.Now
}

// New returns a Broker without sessions.
func New(o Options) *Broker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	return &Broker{
		openers: o.Openers, credentials: o.Credentials, limits: o.Limits.withDefaults(),
		metrics: o.Metrics, now: o.Now,
		sessions: map[identity]*session{}, asked: map[identity]*patience{},
		counted: map[delivery.StoreRef]int{}, users: map[keeper]map[identity]bool{},
	}
}

// Serves reports whether a backend of that name is there.
func (b *Broker) Serves(name string) bool { return b.openers[name] != nil }

// Check validates the store with a call of its own.
func (b *Broker) Check(ctx context.Context, store *delivery.Store, namespace string) error {
	return b.with(ctx, store, namespace, func(s *session) error { return s.check(ctx) })
}

// Read returns what the store holds under ref, fetched no earlier than asked.
// A Document with a Lease is given to this caller alone, who must record it,
// and see to its renewal and its end.
func (b *Broker) Read(ctx context.Context, store *delivery.Store, namespace string, ref backend.Ref, asked time.Time) (doc backend.Document, err error) {
	err = b.with(ctx, store, namespace, func(s *session) error {
		doc, err = s.read(ctx, ref, asked)
		return err
	})
	return doc, err
}

// Find returns the refs that match, as of no earlier than asked.
func (b *Broker) Find(ctx context.Context, store *delivery.Store, namespace string, q backend.Query, asked time.Time) (refs []backend.Ref, err error) {
	err = b.with(ctx, store, namespace, func(s *session) error {
		refs, err = s.find(ctx, q, asked)
		return err
	})
	return refs, err
}

// Write makes the store hold fields under key and nothing else. What is so
// already is not written, and changed is false.
func (b *Broker) Write(ctx context.Context, store *delivery.Store, namespace, key string, fields secret.Data) (changed bool, err error) {
	err = b.with(ctx, store, namespace, func(s *session) error {
		changed, err = s.write(ctx, key, fields)
		return err
	})
	return changed, err
}

// Renew extends a lease and returns it as it was granted, to last from now
// on; Renewed is the caller's to set. An error of kind NotFound says that the
// lease has ended.
func (b *Broker) Renew(ctx context.Context, store *delivery.Store, namespace string, lease delivery.Lease) (granted delivery.Lease, err error) {
	err = b.with(ctx, store, namespace, func(s *session) error {
		granted, err = s.renew(ctx, lease)
		return err
	})
	return granted, err
}

// Revoke ends a lease. One that has ended is no error.
func (b *Broker) Revoke(ctx context.Context, store *delivery.Store, namespace, id string) error {
	return b.with(ctx, store, namespace, func(s *session) error { return s.revoke(ctx, id) })
}

// with does something with the store's session, and again with the next one
// if it was closed meanwhile: new credentials fail nobody who waits his turn.
func (b *Broker) with(ctx context.Context, store *delivery.Store, namespace string, do func(*session) error) error {
	for {
		s, err := b.session(ctx, store, namespace)
		if err != nil {
			return err
		}
		if err = do(s); !errors.Is(err, errClosed) || ctx.Err() != nil {
			return err
		}
	}
}

// session returns the session for the store as it is now, opening it if need
// be. Opening makes no call.
func (b *Broker) session(ctx context.Context, store *delivery.Store, namespace string) (*session, error) {
	id := identity{store: store.Ref}
	if Referent(store) {
		id.namespace = namespace
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sessions[id]; s != nil {
		// Who began with an older generation goes on with the newer one.
		if s.uid == store.Object.UID && s.generation >= store.Object.Generation {
			s.used = b.now()
			return s, nil
		}
		b.end(ctx, id, s)
	}
	open := b.openers[store.Config.Backend()]
	if open == nil {
		return nil, &backend.Error{Kind: backend.Misconfigured,
			Message: fmt.Sprintf("there is no backend %q", store.Config.Backend())}
	}
	s := newSession(b, store, func(ctx context.Context) (backend.Backend, error) {
		return open(ctx, store.Config, b.credentials(store.Ref, namespace))
	})
	s.used = b.now()
	if b.asked[id] == nil {
		b.asked[id] = &patience{}
	}
	s.gate.asked = b.asked[id]
	b.sessions[id] = s
	b.counted[id.store]++
	b.enlist(id, s, store.Config)
	return s, nil
}

// Referent reports that the store takes a credential from the namespace of
// the object that reads.
func Referent(store *delivery.Store) bool {
	if store.Ref.Namespace != "" || store.Config == nil {
		return false
	}
	for _, c := range store.Config.Credentials() {
		if c.Namespace == "" {
			return true
		}
	}
	return false
}
