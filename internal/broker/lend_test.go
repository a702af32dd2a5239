package broker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// lender is a store that lends, writes and bundles.
type lender struct {
	store

	term    time.Duration // of its leases; 0: what is read is no loan
	bundles bool
	failing func(call int) error // renewals, revocations and writes
	calls   int
	live    map[string]bool // leases
	held    map[string]secret.Data
	keys    []string // that were read
}

func (l *lender) open(context.Context, delivery.Config, backend.Credentials) (backend.Backend, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	return l, nil
}

func (l *lender) Read(ctx context.Context, ref backend.Ref) (backend.Document, error) {
	doc, err := l.store.Read(ctx, ref)
	if err != nil {
		return doc, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, ref.Key)
	if l.bundles {
		doc.Fields = secret.Data{"A": secret.NewString("a"), "B": secret.NewString("b")}
	}
	if l.term > 0 {
		doc.Lease = delivery.Lease{ID: string(doc.Value.Reveal()), Duration: l.term, Renewable: true}
		if l.live == nil {
			l.live = map[string]bool{}
		}
		l.live[doc.Lease.ID] = true
	}
	return doc, nil
}

func (l *lender) failed() error {
	l.calls++
	if l.failing == nil {
		return nil
	}
	return l.failing(l.calls)
}

func (l *lender) Renew(_ context.Context, lease delivery.Lease) (delivery.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return delivery.Lease{}, err
	}
	if !l.live[lease.ID] {
		return delivery.Lease{}, &backend.Error{Kind: backend.NotFound, Message: "it has ended"}
	}
	return delivery.Lease{ID: lease.ID, Duration: l.term, Renewable: true}, nil
}

func (l *lender) Revoke(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return err
	}
	delete(l.live, id)
	return nil
}

func (l *lender) Write(_ context.Context, key string, fields secret.Data) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return false, err
	}
	if l.held == nil {
		l.held = map[string]secret.Data{}
	}
	before := l.held[key]
	l.held[key] = fields
	return !equal(before, fields), nil
}

func equal(a, b secret.Data) bool {
	for key, value := range b {
		if old, ok := a[key]; !ok || !old.Equal(value) {
			return false
		}
	}
	return len(a) == len(b)
}

// bundler is a lender whose every key lies in one bundle.
type bundler struct{ *lender }

func (bundler) Bundle(ref backend.Ref) (bundle backend.Ref, field string) {
	return backend.Ref{Key: "all"}, ref.Key
}

func (l *lender) leases() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id := range l.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func lending(l *lender, metrics *broker.Metrics) *broker.Broker {
	open := l.open
	if l.bundles {
		open = func(ctx context.Context, c delivery.Config, cr backend.Credentials) (backend.Backend, error) {
			_, err := l.open(ctx, c, cr)
			return bundler{l}, err
		}
	}
	return broker.New(broker.Options{
		Openers: map[string]backend.Opener{"test": open}, Metrics: metrics,
		Credentials: func(delivery.StoreRef, string) backend.Credentials { return nil },
	})
}

// inline is a store that an object of a namespace describes itself.
func inline(namespace, digest string) *delivery.Store {
	return &delivery.Store{Ref: delivery.StoreRef{Kind: "SecretMirror", Namespace: namespace, Name: digest}, Config: config{}}
}

func TestWhatIsLentIsLentToOneAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lender{term: time.Hour}
		l.takes = time.Second
		b := lending(l, nil)
		asked := time.Now()
		seen := make(chan string, 11)
		read := func() {
			doc, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, asked)
			if err != nil {
				t.Error(err)
			}
			seen <- doc.Lease.ID
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(read)
		}
		wg.Wait()
		// One join that came to nothing, then everybody at once.
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("ten loans took %v: they wait for one another", took)
		}
		read() // asked long ago: nothing is kept for him
		close(seen)
		ids := map[string]bool{}
		for id := range seen {
			ids[id] = true
		}
		if len(ids) != 11 || l.reads != 11 || len(l.leases()) != 11 {
			t.Errorf("11 readers got %d leases in %d reads, and %d are live; want 11 of each", len(ids), l.reads, len(l.leases()))
		}
	})
}

func TestALoanThatNobodyWaitsForIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lender{term: time.Hour}
		l.takes = time.Second
		b := lending(l, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := b.Read(ctx, describe("a"), "ns", backend.Ref{Key: "k"}, time.Now()); err == nil {
			t.Error("a read that was given up succeeded")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l.reads != 1 || l.calls != 1 || len(l.leases()) != 0 {
			t.Errorf("%d reads and %d revocations leave %q, want the one lease revoked", l.reads, l.calls, l.leases())
		}
	})
}

func TestALoanTooOldForWhoWaitsIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lender{term: time.Hour}
		l.takes = time.Second
		b := lending(l, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		go func() { _, _ = b.Read(ctx, describe("a"), "ns", backend.Ref{Key: "k"}, time.Now()) }()
		time.Sleep(100 * time.Millisecond)
		doc, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
		synctest.Wait()
		if want := []string{"k@2"}; err != nil || doc.Lease.ID != "k@2" || !slices.Equal(l.leases(), want) {
			t.Errorf("got lease %q, %v; live are %q, want %q", doc.Lease.ID, err, l.leases(), want)
		}
	})
}

func TestLeasesAreRenewedRevokedAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m := &lender{term: time.Hour}, broker.NewMetrics()
		b := lending(l, m)
		doc, err := b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: "k"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		l.failing = func(n int) error {
			if n == 1 {
				return &backend.Error{Kind: backend.Unavailable, Message: "lost"}
			}
			return nil
		}
		granted, err := b.Renew(t.Context(), describe("a"), "ns", doc.Lease)
		if err != nil || granted.ID != doc.Lease.ID || granted.Duration != time.Hour || !granted.Renewed.IsZero() {
			t.Errorf("renewed: %+v, %v", granted, err)
		}
		wantMetric(t, m, "tacit_leases", "", 1)
		if err := b.Revoke(t.Context(), describe("a"), "ns", doc.Lease.ID); err != nil || len(l.leases()) != 0 {
			t.Errorf("revoked: %v, live are %q", err, l.leases())
		}
		if _, err := b.Renew(t.Context(), describe("a"), "ns", doc.Lease); backend.KindOf(err) != backend.NotFound {
			t.Errorf("renewing what was revoked: %v", err)
		}
		wantMetric(t, m, "tacit_leases", "", 0)
		wantMetric(t, m, "tacit_lease_renewals_total", "ok", 1)
		wantMetric(t, m, "tacit_lease_renewals_total", "error", 1)
	})
}

// wantMetric compares the sum of a metric's series, of those with that result
// if one is given.
func wantMetric(t *testing.T, c prometheus.Collector, name, result string, want float64) {
	t.Helper()
	got := 0.0
	for _, one := range gather(t, c, name) {
		if result == "" || one.result == result {
			got += one.value
		}
	}
	if got != want {
		t.Errorf("%s %s is %v, want %v", name, result, got, want)
	}
}

type series struct {
	result string
	value  float64
}

func gather(t *testing.T, c prometheus.Collector, name string) []series {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []series
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, one := range family.GetMetric() {
			s := series{value: one.GetCounter().GetValue() + one.GetGauge().GetValue()}
			for _, label := range one.GetLabel() {
				if label.GetName() == "result" {
					s.result = label.GetValue()
				}
			}
			all = append(all, s)
		}
	}
	return all
}

func TestAWriteWhoseAnswerWasLostIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lender{failing: func(n int) error {
			if n == 1 {
				return &backend.Error{Kind: backend.Unavailable, Message: "lost"}
			}
			return nil
		}}
		b := lending(l, nil)
		for i, want := range []bool{true, false} {
			changed, err := b.Write(t.Context(), describe("a"), "ns", "k", secret.Data{"x": secret.NewString("y")})
			if err != nil || changed != want {
				t.Errorf("write %d: changed %v, %v", i+1, changed, err)
			}
		}
		if l.calls != 3 {
			t.Errorf("%d calls, want 3", l.calls)
		}
	})
}

func TestWhatABackendCannotIsSaid(t *testing.T) {
	t.Parallel()
	b := newBroker(&store{}, broker.Limits{})
	_, write := b.Write(t.Context(), describe("a"), "ns", "k", nil)
	_, renew := b.Renew(t.Context(), describe("a"), "ns", delivery.Lease{ID: "x"})
	for name, err := range map[string]error{"write": write, "renew": renew, "revoke": b.Revoke(t.Context(), describe("a"), "ns", "x")} {
		if err == nil || backend.KindOf(err) != backend.Unsupported {
			t.Errorf("%s: %v, want unsupported", name, err)
		}
	}
}

func TestOneReadServesAllPartsOfABundle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lender{bundles: true}
		b := lending(l, nil)
		asked := time.Now()
		read := func(key string) (backend.Document, error) {
			return b.Read(t.Context(), describe("a"), "ns", backend.Ref{Key: key}, asked)
		}
		for key, want := range map[string]string{"A": "a", "B": "b"} {
			doc, err := read(key)
			if err != nil || string(doc.Value.Reveal()) != want || doc.Fields != nil {
				t.Errorf("%s: %q and %d fields, %v; want %q alone", key, doc.Value.Reveal(), len(doc.Fields), err, want)
			}
		}
		if doc, err := read(""); err != nil || len(doc.Fields) != 2 {
			t.Errorf("the whole: %d fields, %v", len(doc.Fields), err)
		}
		if _, err := read("C"); backend.KindOf(err) != backend.NotFound || err.Error() != `the store holds no "C"` {
			t.Errorf("a part that is not there: %v", err)
		}
		if !slices.Equal(l.keys, []string{"all"}) {
			t.Errorf("read %q, want the bundle once", l.keys)
		}
	})
}

func TestInlineStoresGoUnusedOrWithTheirNamespace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m := &lender{}, broker.NewMetrics()
		b := lending(l, m)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = b.Start(ctx); close(ended) }()
		use := func(ns, digest string) {
			if _, err := b.Read(t.Context(), inline(ns, digest), ns, backend.Ref{Key: "k"}, time.Now()); err != nil {
				t.Error(err)
			}
		}
		for i := range 20 {
			use("team", fmt.Sprintf("digest-%d", i))
		}
		use("gone", "digest")
		b.ForgetReader(t.Context(), "gone")
		synctest.Wait()
		if n := l.ended(); n != 1 {
			t.Errorf("%d sessions closed with their namespace, want 1", n)
		}
		time.Sleep(10 * time.Minute)
		use("team", "digest-0")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := l.ended(); n != 20 {
			t.Errorf("%d sessions closed, want all but the one that was used", n)
		}
		if n := len(gather(t, m, "tacit_backend_calls_total")); n != 1 {
			t.Errorf("%d stores are counted, want 1", n)
		}
		cancel()
		<-ended
	})
}

func TestASessionThatLeasesHangOnStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m := &lender{term: time.Hour}, broker.NewMetrics()
		b := lending(l, m)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = b.Start(ctx); close(ended) }()
		st := inline("team", "digest")
		doc, err := b.Read(t.Context(), st, "team", backend.Ref{Key: "k"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Minute)
		if _, err := b.Renew(t.Context(), st, "team", doc.Lease); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		if n := l.ended(); n != 0 {
			t.Error("a session was closed though a lease that it renewed is live")
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		if n := l.ended(); n != 1 {
			t.Error("a session stayed though its lease has ended and nobody used it")
		}
		wantMetric(t, m, "tacit_leases", "", 0)
		cancel()
		<-ended
	})
}
