package broker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// store is a backend that answers after a while and counts.
type store struct {
	takes time.Duration
	fail  func(call int) error

	mu            sync.Mutex
	opened        int
	reads, closed int
}

func (s *store) open(context.Context, delivery.Config, backend.Credentials) (backend.Backend, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return s, nil
}

func (s *store) Check(context.Context) error { return nil }

func (s *store) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	s.mu.Lock()
	s.reads++
	n := s.reads
	s.mu.Unlock()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return backend.Document{}, &backend.Error{Kind: backend.Unavailable, Message: "late"}
	}
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return backend.Document{}, err
		}
	}
	return backend.Document{Value: secret.NewString(fmt.Sprintf("%s@%d", ref.Key, n))}, nil
}

func (s *store) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// ended is how many sessions were closed.
func (s *store) ended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

type config struct{ referent bool }

func (config) Backend() string { return "test" }
func (c config) Credentials() []delivery.Credential {
	if c.referent {
		return []delivery.Credential{{Kind: delivery.FromSecret, Name: "x", Key: "y"}}
	}
	return nil
}

func newBroker(s *store, limits broker.Limits) *broker.Broker {
	return broker.New(broker.Options{
		Openers: map[string]backend.Opener{"test": s.open}, Limits: limits,
		Credentials: func(delivery.StoreRef, string) backend.Credentials { return nil },
	})
}

func describe(name string) *delivery.Store {
	return &delivery.Store{Ref: delivery.StoreRef{Kind: "ClusterSecretStore", Name: name},
		Object: delivery.Object{UID: name, Generation: 1}, Config: config{}}
}

func TestOneReadServesAllWhoAskedBeforeItBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second}
		b := newBroker(s, broker.Limits{})
		asked := time.Now()
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, asked); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// One who asked before, but comes after the read has landed.
		if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, asked); err != nil {
			t.Error(err)
		}
		if s.reads != 1 {
			t.Errorf("%d reads, want 1", s.reads)
		}
	})
}

func TestNobodyGetsAValueOlderThanTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second}
		b := newBroker(s, broker.Limits{})
		first := make(chan struct{})
		go func() {
			_, _ = b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
			close(first)
		}()
		time.Sleep(100 * time.Millisecond) // under way
		doc, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
		if err != nil || string(doc.Value.Reveal()) != "k@2" {
			t.Errorf("got read %q, %v; want the second, for the first began before the request", doc.Value.Reveal(), err)
		}
		<-first
	})
}

func TestStoresAndReferentNamespacesShareNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		referent := describe("r")
		referent.Config = config{referent: true}
		asked := time.Now()
		for _, read := range []struct {
			store *delivery.Store
			ns    string
		}{{describe("a"), "x"}, {describe("a"), "y"}, {describe("b"), "x"}, {referent, "x"}, {referent, "y"}} {
			if _, err := b.Read(t.Context(), read.store, read.ns, backend.Ref{Key: "k"}, asked); err != nil {
				t.Fatal(err)
			}
		}
		if s.opened != 4 || s.reads != 4 {
			t.Errorf("%d sessions and %d reads, want 4 and 4: only the cluster store's own identity serves two namespaces", s.opened, s.reads)
		}
	})
}

func TestAChangedStoreGetsANewSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		asked := time.Now()
		one, two := describe("a"), describe("a")
		two.Object.Generation = 2
		for _, st := range []*delivery.Store{one, two} {
			if _, err := b.Read(t.Context(), st, "ns", backend.Ref{Key: "k"}, asked); err != nil {
				t.Fatal(err)
			}
		}
		b.Forget(t.Context(), two.Ref, "")
		synctest.Wait()
		if s.opened != 2 || s.closed != 2 {
			t.Errorf("%d sessions opened and %d closed, want 2 and 2", s.opened, s.closed)
		}
	})
}

func TestRefusedCredentialsAreNotTriedInALoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: func(int) error {
			return &backend.Error{Kind: backend.Refused, LoggedOut: true, Message: "permission denied"}
		}}
		b := newBroker(s, broker.Limits{})
		for range 600 { // ten minutes of a try a second
			_, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
			if backend.KindOf(err) != backend.Refused {
				t.Fatalf("got %v", err)
			}
			time.Sleep(time.Second)
		}
		if s.reads > 6 {
			t.Errorf("%d calls in ten minutes, want at most 6", s.reads)
		}
		// A changed credential makes a new session.
		b.Forget(t.Context(), describe("a").Ref, "")
		before := s.reads
		_, _ = b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
		if s.reads != before+1 {
			t.Error("a new session did not try at once")
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: func(n int) error {
			if n == 1 {
				return &backend.Error{Kind: backend.Throttled, RetryAfter: 20 * time.Second, Message: "slow down"}
			}
			return nil
		}}
		b := newBroker(s, broker.Limits{})
		read := func(key string) error {
			_, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: key}, time.Now())
			return err
		}
		_ = read("k")
		time.Sleep(5 * time.Second)
		var e *backend.Error
		if err := read("other"); !errors.As(err, &e) || e.RetryAfter != 15*time.Second || s.reads != 1 {
			t.Errorf("after 5s: %v (%d calls), want no call and 15s to wait", err, s.reads)
		}
		time.Sleep(15 * time.Second)
		if err := read("k"); err != nil || s.reads != 2 {
			t.Errorf("after 20s: %v (%d calls), want success", err, s.reads)
		}
	})
}

func TestABlipIsBridged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: func(n int) error {
			if n <= 2 {
				return &backend.Error{Kind: backend.Unavailable, Message: "connection refused"}
			}
			return nil
		}}
		b := newBroker(s, broker.Limits{})
		if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now()); err != nil {
			t.Error(err)
		}
		never := describe("never")
		never.Retry.Max = -1
		s.reads = 0
		if _, err := b.Read(t.Context(), never, "ns", backend.Ref{Key: "k"}, time.Now()); err == nil || s.reads != 1 {
			t.Errorf("%v after %d calls, want the failure after one", err, s.reads)
		}
	})
}

func TestAStuckStoreHoldsNobodyForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Hour}
		b := newBroker(s, broker.Limits{Timeout: 10 * time.Second})
		start := time.Now()
		_, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, start)
		if backend.KindOf(err) != backend.Unavailable || time.Since(start) > 11*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestValuesDoNotStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = b.Start(ctx); close(ended) }()
		asked := time.Now()
		read := func() {
			if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, asked); err != nil {
				t.Error(err)
			}
		}
		read()
		time.Sleep(2 * time.Minute)
		read()
		if s.reads != 2 {
			t.Errorf("%d reads, want 2: a value stayed for two minutes", s.reads)
		}
		cancel()
		<-ended
		if s.closed != 1 {
			t.Error("the session was not given back")
		}
	})
}

func TestASessionHasARateAndABoundOfCallsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second}
		b := newBroker(s, broker.Limits{Rate: 10, Burst: 5, Concurrent: 2})
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: fmt.Sprint(i)}, start); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// Two at a time, a second each.
		if took := time.Since(start); took < 10*time.Second {
			t.Errorf("20 calls of a second, two at a time, took %v", took)
		}
		s.takes = 0
		start = time.Now()
		for i := range 25 {
			if _, err := b.Read(t.Context(), describe("b"), "ns", backend.Ref{Key: fmt.Sprint(i)}, start); err != nil {
				t.Error(err)
			}
		}
		// Five at once, then ten a second.
		if took := time.Since(start); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("25 calls at 10 a second after a burst of 5 took %v", took)
		}
	})
}

func TestRefusalsUnderWayTogetherCountAsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second, fail: func(n int) error {
			if n <= 20 {
				return &backend.Error{Kind: backend.Refused, LoggedOut: true, Message: "permission denied"}
			}
			return nil
		}}
		b := newBroker(s, broker.Limits{})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, _ = b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: fmt.Sprint(i)}, time.Now())
			})
		}
		wg.Wait()
		time.Sleep(31 * time.Second)
		if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now()); err != nil {
			t.Errorf("still shut after the first lockout: %v", err)
		}
	})
}

func TestAReadersSessionEndsWithItsNamespaceOrUnused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = b.Start(ctx); close(ended) }()
		referent := describe("r")
		referent.Config = config{referent: true}
		read := func(st *delivery.Store, ns string) {
			if _, err := b.Read(t.Context(), st, ns, backend.Ref{Key: "k"}, time.Now()); err != nil {
				t.Error(err)
			}
		}
		read(referent, "gone")
		read(referent, "idle")
		read(describe("own"), "idle")
		b.ForgetReader(t.Context(), "gone")
		synctest.Wait()
		if n := s.ended(); n != 1 {
			t.Errorf("%d sessions closed with their namespace, want 1", n)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if n := s.ended(); n != 3 {
			t.Errorf("%d sessions closed, want all 3", n)
		}
		cancel()
		<-ended
	})
}

func TestAnOlderGenerationDoesNotEndANewerSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := newBroker(s, broker.Limits{})
		before, after := describe("a"), describe("a")
		after.Object.Generation = 2
		for i, st := range []*delivery.Store{before, after, before, after, before} {
			if _, err := b.Read(t.Context(), st, "ns", backend.Ref{Key: fmt.Sprint(i)}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if s.opened != 2 {
			t.Errorf("%d sessions, want 2", s.opened)
		}
	})
}
