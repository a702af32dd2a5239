package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// leases are those that a session took out or renewed and that have not
// ended. While there is one the session must live: its login may be what they
// hang on.
type leases struct {
	count func(delta float64)

	mu   sync.Mutex
	ends map[string]time.Time
}

// hold remembers a lease, which lasts from now on.
func (l *leases) hold(now time.Time, lease delivery.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends == nil {
		l.ends = map[string]time.Time{}
	}
	if _, known := l.ends[lease.ID]; !known {
		l.count(1)
	}
	l.ends[lease.ID] = now.Add(lease.Duration)
}

// end forgets a lease.
func (l *leases) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.ends[id]; known {
		delete(l.ends, id)
		l.count(-1)
	}
}

// live forgets the leases that have ended, and reports whether any is left.
func (l *leases) live(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, ends := range l.ends {
		if !now.Before(ends) {
			delete(l.ends, id)
			l.count(-1)
		}
	}
	return len(l.ends) > 0
}

// close forgets all of them, and counts none that come late.
func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(-float64(len(l.ends)))
	l.ends, l.count = nil, func(float64) {}
}

func (s *session) renew(ctx context.Context, lease delivery.Lease) (delivery.Lease, error) {
	var granted delivery.Lease
	err := s.call(ctx, "renew", func(ctx context.Context, be backend.Backend) error {
		leaser, err := leaserOf(be)
		if err == nil {
			granted, err = leaser.Renew(ctx, lease)
		}
		return err
	})
	if !errors.Is(err, errClosed) {
		s.metrics.renewed(err)
	}
	switch {
	case err == nil:
		s.leases.hold(s.now(), granted)
		return granted, nil
	case backend.KindOf(err) == backend.NotFound:
		s.leases.end(lease.ID)
	}
	return delivery.Lease{}, err
}

func (s *session) revoke(ctx context.Context, id string) error {
	err := s.call(ctx, "revoke", func(ctx context.Context, be backend.Backend) error {
		leaser, err := leaserOf(be)
		if err == nil {
			err = leaser.Revoke(ctx, id)
		}
		return err
	})
	if err == nil {
		s.leases.end(id)
	}
	return err
}

func leaserOf(be backend.Backend) (backend.Leaser, error) {
	if leaser, ok := be.(backend.Leaser); ok {
		return leaser, nil
	}
	return nil, &backend.Error{Kind: backend.Unsupported, Message: "this store lends nothing, so that there is no lease to renew or revoke"}
}

// giveBack revokes a lease that nobody came for. If that fails the lease ends
// by itself, since nobody renews it.
func (s *session) giveBack(ctx context.Context, result any) {
	if doc, ok := result.(backend.Document); ok {
		_ = s.revoke(ctx, doc.Lease.ID)
	}
}
