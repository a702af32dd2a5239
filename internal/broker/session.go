package broker

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// session is one identity's way to one store.
type session struct {
	uid        string
	inline     bool // of a store that no object of its own describes
	generation int64
	used       time.Time // guarded by the broker
	keepers    []keeper  // of an inline store's credentials
	limits     Limits
	retry      delivery.Retry
	metrics    *storeMetrics
	now        func() time.Time
	flights    *flights
	leases     leases
	rate       *rate.Limiter
	slots      chan struct{}
	gate       gate

	open   func(context.Context) (backend.Backend, error)
	mu     sync.Mutex
	opened backend.Backend
	closed bool
	calls  sync.WaitGroup // under way; close waits for them
}

func newSession(b *Broker, store *delivery.Store, open func(context.Context) (backend.Backend, error)) *session {
	m := b.metrics.store(store.Ref, store.Config.Backend())
	s := &session{
		uid: store.Object.UID, inline: store.Object.UID == "", generation: store.Object.Generation,
		limits: b.limits, retry: store.Retry, metrics: m, now: b.now, open: open,
		leases: leases{count: m.leases.Add},
		rate:   rate.NewLimiter(rate.Limit(b.limits.Rate), b.limits.Burst),
		slots:  make(chan struct{}, b.limits.Concurrent),
		gate:   gate{first: b.limits.Lockout, max: b.limits.MaxLockout},
	}
	s.flights = newFlights(b.now, b.limits.Keep, b.limits.KeepBytes, m.joined.Inc, s.giveBack)
	return s
}

func (s *session) check(ctx context.Context) error {
	return s.call(ctx, "check", func(ctx context.Context, be backend.Backend) error { return be.Check(ctx) })
}

func (s *session) read(ctx context.Context, ref backend.Ref, asked time.Time) (backend.Document, error) {
	whole, pick, err := s.bundle(ctx, ref)
	if err != nil {
		return backend.Document{}, err
	}
	got, err := s.flights.do(ctx, whole, asked, func(ctx context.Context) (cargo, error) {
		var doc backend.Document
		err := s.call(ctx, "read", func(ctx context.Context, be backend.Backend) (err error) {
			doc, err = be.Read(ctx, whole)
			return err
		})
		return cargo{doc, doc.Value.Len() + doc.Fields.Size(), err == nil && !doc.Lease.IsZero()}, err
	})
	if err != nil {
		return backend.Document{}, err
	}
	doc := got.(backend.Document)
	if !doc.Lease.IsZero() {
		s.leases.hold(s.now(), doc.Lease)
	}
	return pick(doc)
}

// query is a backend.Query that can be a map's key.
type query struct{ path, name, tags string }

func (s *session) find(ctx context.Context, q backend.Query, asked time.Time) ([]backend.Ref, error) {
	var tags strings.Builder
	for _, k := range slices.Sorted(maps.Keys(q.Tags)) {
		tags.WriteString(k + "\x00" + q.Tags[k] + "\x00")
	}
	got, err := s.flights.do(ctx, query{q.Path, q.Name, tags.String()}, asked, func(ctx context.Context) (cargo, error) {
		var refs []backend.Ref
		err := s.call(ctx, "find", func(ctx context.Context, be backend.Backend) (err error) {
			finder, ok := be.(backend.Finder)
			if !ok {
				return &backend.Error{Kind: backend.Unsupported, Message: "this store cannot be searched; name the secrets with extract or data"}
			}
			refs, err = finder.Find(ctx, q)
			return err
		})
		return cargo{result: refs, size: 100 * len(refs)}, err
	})
	if err != nil {
		return nil, err
	}
	return got.([]backend.Ref), nil
}

// call is the one way to the backend: past the gate, within the rate, tried
// again where that can help, counted. ctx bounds it beside the timeout.
func (s *session) call(ctx context.Context, op string, do func(context.Context, backend.Backend) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Timeout)
	defer cancel()
	for try := 0; ; try++ {
		if err := s.gate.pass(s.now()); err != nil {
			return err
		}
		err := s.attempt(ctx, op, do)
		s.gate.learn(s.now(), err)
		if err == nil || try >= s.tries() || backend.KindOf(err) != backend.Unavailable || errors.Is(err, backend.ErrUndecided) {
			return err
		}
		select {
		case <-time.After(s.pause(try)):
		case <-ctx.Done():
			return err
		}
	}
}

// tries is how often a call is repeated; by default twice, which bridges a
// store's change of leader.
func (s *session) tries() int {
	switch {
	case s.retry.Max < 0:
		return 0
	case s.retry.Max == 0:
		return 2
	}
	return s.retry.Max
}

// pause before a further try: the store's own setting, or 100 ms doubling,
// both with jitter.
func (s *session) pause(try int) time.Duration {
	d := s.retry.Every
	if d == 0 {
		d = 100 * time.Millisecond << min(try, 5)
	}
	return d/2 + rand.N(d/2+1)
}

// attempt makes one call.
func (s *session) attempt(ctx context.Context, op string, do func(context.Context, backend.Backend) error) error {
	if err := s.rate.Wait(ctx); err != nil {
		return unavailable("the store's rate limit did not let the call through in time", err)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return unavailable("the calls before this one did not end in time", ctx.Err())
	}
	be, err := s.backend(ctx)
	if err != nil {
		return err
	}
	defer s.calls.Done()
	start := s.now()
	err = do(ctx, be)
	if err != nil && ctx.Err() != nil && backend.KindOf(err) == backend.Unavailable {
		err = unavailable("the store did not answer in time", err)
	}
	s.metrics.called(op, s.now().Sub(start), err)
	return err
}

// backend returns the open backend and counts a call as under way.
func (s *session) backend(ctx context.Context) (backend.Backend, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.opened == nil {
		be, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		s.opened = be
	}
	s.calls.Add(1)
	return s.opened, nil
}

// close ends the session once the calls under way have ended.
func (s *session) close(ctx context.Context) {
	s.mu.Lock()
	be := s.opened
	s.closed, s.opened = true, nil
	s.mu.Unlock()
	if be == nil {
		return
	}
	s.calls.Wait()
	s.leases.close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// A token that could not be revoked ends with its lease.
	_ = be.Close(ctx)
}

func unavailable(message string, err error) error {
	return &backend.Error{Kind: backend.Unavailable, Message: message, Err: err}
}

// errClosed: the session ended before the call began.
var errClosed = errors.New("session closed")
