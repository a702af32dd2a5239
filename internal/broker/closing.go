package broker

import (
	"context"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Forget closes the store's sessions, so that the next call logs in with the
// credentials as they are then; with a namespace, only those for its readers.
// Of a store that is gone that leaves nothing. It returns at once.
func (b *Broker) Forget(ctx context.Context, store delivery.StoreRef, namespace string) {
	b.closeIf(ctx, func(id identity, _ *session) bool {
		return id.store == store && (namespace == "" || id.namespace == namespace)
	})
}

// Start tidies until ctx ends, then closes every session.
func (b *Broker) Start(ctx context.Context) error {
	tick := time.NewTicker(b.limits.Keep / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.tidy(ctx)
		case <-ctx.Done():
			b.closeAll(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// maxIdle is how long a session is kept unused, unless leases hang on it or its
// credentials wait until they may be tried again. A store's own session stays by
// being checked more often than that, if the manifest does not say otherwise;
// nobody need tell when a store, a namespace or an inline description is gone.
const maxIdle = 15 * time.Minute

func (b *Broker) tidy(ctx context.Context) {
	b.mu.Lock()
	for _, s := range b.sessions {
		s.flights.tidy()
	}
	for id, p := range b.asked {
		if b.sessions[id] == nil && p.pass(b.now()) == nil {
			delete(b.asked, id)
		}
	}
	for store, n := range b.counted {
		if n == 0 {
			b.metrics.forget(store)
			delete(b.counted, store)
		}
	}
	b.mu.Unlock()
	limit := b.now().Add(-maxIdle)
	b.closeIf(ctx, func(_ identity, s *session) bool {
		lends := s.leases.live(b.now())
		return s.used.Before(limit) && !s.gate.shut(limit) && !lends
	})
}

// closeAll gives every session back, for at most five seconds: tokens that
// are not revoked end with their lease.
func (b *Broker) closeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	b.mu.Lock()
	all := b.sessions
	b.sessions, b.users = map[identity]*session{}, map[keeper]map[identity]bool{}
	b.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { s.close(ctx) })
	}
	wg.Wait()
}

// ForgetReader closes the sessions that took their credentials from a
// namespace which is gone, or were described there: another of that name is
// another tenant's.
func (b *Broker) ForgetReader(ctx context.Context, namespace string) {
	b.closeIf(ctx, func(id identity, s *session) bool {
		return id.namespace == namespace || s.inline && id.store.Namespace == namespace
	})
}

// closeIf closes the sessions that match. It returns at once.
func (b *Broker) closeIf(ctx context.Context, match func(identity, *session) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.sessions {
		if match(id, s) {
			b.end(ctx, id, s)
		}
	}
}

// end forgets a session and closes it. It returns at once. b.mu is held.
func (b *Broker) end(ctx context.Context, id identity, s *session) {
	delete(b.sessions, id)
	b.strike(id, s)
	go func() {
		s.close(context.WithoutCancel(ctx))
		b.mu.Lock()
		defer b.mu.Unlock()
		b.counted[id.store]--
	}()
}
