package broker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

func counting(l *lender, m *broker.Metrics, limits broker.Limits) *broker.Broker {
	return broker.New(broker.Options{
		Openers: map[string]backend.Opener{"test": l.open}, Metrics: m, Limits: limits,
		Credentials: func(delivery.StoreRef, string) backend.Credentials { return nil },
	})
}

// tidied runs do beside a broker that tidies.
func tidied(t *testing.T, b *broker.Broker, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = b.Start(ctx); close(ended) }()
	do()
	cancel()
	<-ended
}

// Who waits for his turn while a store is deleted is served by a session that
// nobody will ask to close.
func TestNothingIsLeftOfAStoreThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := broker.NewMetrics()
		l := &lender{store: store{takes: 10 * time.Second}}
		b := counting(l, m, broker.Limits{Concurrent: 1})
		tidied(t, b, func() {
			var wg sync.WaitGroup
			for _, key := range []string{"running", "waiting"} {
				wg.Go(func() {
					if _, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: key}, time.Now()); err != nil {
						t.Errorf("%s: %v", key, err)
					}
				})
				synctest.Wait()
			}
			b.Forget(t.Context(), describe("a").Ref, "")
			wg.Wait()
			if l.opened != 2 {
				t.Fatalf("%d sessions, want one more for who waited", l.opened)
			}
			time.Sleep(16 * time.Minute)
			synctest.Wait()
			if n := l.ended(); n != 2 {
				t.Errorf("%d sessions closed of 2", n)
			}
			for _, name := range []string{"tacit_backend_calls_total", "tacit_backend_call_duration_seconds", "tacit_leases"} {
				if n := len(gather(t, m, name)); n != 0 {
					t.Errorf("%d series of %s stay", n, name)
				}
			}
		})
	})
}

func TestSeriesGoWithTheLastCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := broker.NewMetrics()
		l := &lender{store: store{takes: 10 * time.Second}}
		b := counting(l, m, broker.Limits{Keep: 8 * time.Second})
		tidied(t, b, func() {
			go func() { _, _ = b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now()) }()
			synctest.Wait()
			b.Forget(t.Context(), describe("a").Ref, "")
			time.Sleep(9 * time.Second)
			synctest.Wait()
			if n := len(gather(t, m, "tacit_leases")); n != 1 {
				t.Error("a store's series went while a call was under way")
			}
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if n := len(gather(t, m, "tacit_backend_calls_total")); n != 0 {
				t.Error("the last call made the series again")
			}
		})
	})
}

func TestAStoreInUseKeepsItsSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m := &lender{}, broker.NewMetrics()
		b := counting(l, m, broker.Limits{})
		tidied(t, b, func() {
			for range 24 {
				if err := b.Check(t.Context(), describe("a"), ""); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
			}
			if l.opened != 1 || l.ended() != 0 {
				t.Errorf("%d sessions opened and %d closed, want one to stay", l.opened, l.ended())
			}
			wantMetric(t, m, "tacit_backend_calls_total", "", 24)
			// New credentials are no reason to count anew.
			b.Forget(t.Context(), describe("a").Ref, "")
			synctest.Wait()
			if err := b.Check(t.Context(), describe("a"), ""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			wantMetric(t, m, "tacit_backend_calls_total", "", 25)
		})
	})
}

// A session that is closed forgets how often it was refused.
func TestALockoutIsNoIdleness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: func(int) error {
			return &backend.Error{Kind: backend.Refused, LoggedOut: true, Message: "permission denied"}
		}}
		b := newBroker(s, broker.Limits{})
		tidied(t, b, func() {
			for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); {
				_, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
				var e *backend.Error
				if !errors.As(err, &e) {
					t.Fatalf("got %v", err)
				}
				late := time.Second
				if e.RetryAfter > 0 {
					late = time.Minute
				}
				time.Sleep(e.RetryAfter + late)
			}
			if s.reads > 24*4+6 {
				t.Errorf("%d calls in a day, want one in a quarter of an hour", s.reads)
			}
		})
	})
}
