package backendtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// Lending runs the part of the suite that is for backends which lend. Stores
// need only Open and Lend.
func Lending(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T){
		"every read is a loan of its own":    h.lends,
		"loans are renewed by others":        h.lendsOn,
		"loans outlive their session":        h.lendsBeyondClose,
		"what was revoked is NotFound":       h.revokes,
		"cancelled renewals and revocations": h.leasesCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func leaser(t *testing.T, b backend.Backend) backend.Leaser {
	t.Helper()
	l, ok := b.(backend.Leaser)
	if !ok {
		t.Fatalf("%T lends nothing", b)
	}
	return l
}

// borrow reads what is lent.
func borrow(t *testing.T, b backend.Backend, key string) backend.Document {
	t.Helper()
	doc, err := b.Read(t.Context(), backend.Ref{Key: key})
	if err != nil {
		t.Fatalf("Read(%s): %v", key, err)
	}
	wantLease(t, doc.Lease)
	return doc
}

func wantLease(t *testing.T, l delivery.Lease) {
	t.Helper()
	if l.IsZero() || l.Duration <= 0 || !l.Renewable || !l.Renewed.IsZero() {
		t.Fatalf("lease %+v, want one with a name and a time that can be renewed, and was not", l)
	}
}

func (h Harness) lends(t *testing.T) {
	s := h.New(t)
	key, b := s.Lend(), open(t, s)
	var group sync.WaitGroup
	var mu sync.Mutex
	ids, values := map[string]bool{}, map[string]bool{}
	for range 4 {
		group.Go(func() {
			doc := borrow(t, b, key)
			mu.Lock()
			defer mu.Unlock()
			ids[doc.Lease.ID] = true
			values[string(doc.Value.Reveal())] = true
		})
	}
	group.Wait()
	if len(ids) != 4 || len(values) != 4 {
		t.Errorf("4 reads gave %d leases of %d secrets", len(ids), len(values))
	}
}

func (h Harness) lendsOn(t *testing.T) {
	s := h.New(t)
	lease := borrow(t, open(t, s), s.Lend()).Lease
	for range 2 {
		granted, err := leaser(t, open(t, s)).Renew(t.Context(), lease)
		if err != nil {
			t.Fatal(err)
		}
		wantLease(t, granted)
		if granted.ID != lease.ID || granted.Duration > lease.Duration {
			t.Errorf("renewed, %+v became %+v", lease, granted)
		}
		lease = granted
	}
}

func (h Harness) lendsBeyondClose(t *testing.T) {
	s := h.New(t)
	b := s.Open()
	lease := borrow(t, b, s.Lend()).Lease
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := leaser(t, open(t, s)).Renew(t.Context(), lease); err != nil {
		t.Errorf("after its session was closed: %v", err)
	}
}

func (h Harness) revokes(t *testing.T) {
	s := h.New(t)
	b := open(t, s)
	lease, kept := borrow(t, b, s.Lend()).Lease, borrow(t, b, s.Lend()).Lease
	l := leaser(t, open(t, s))
	for range 2 {
		if err := l.Revoke(t.Context(), lease.ID); err != nil {
			t.Errorf("Revoke: %v", err)
		}
	}
	// A store may take its time to do it.
	eventually(t, func() error {
		_, err := l.Renew(t.Context(), lease)
		if err == nil || backend.KindOf(err) != backend.NotFound {
			return fmt.Errorf("renewing what was revoked: %w", err)
		}
		return nil
	})
	if _, err := l.Renew(t.Context(), kept); err != nil {
		t.Errorf("the other lease: %v", err)
	}
	never := delivery.Lease{ID: s.Lend() + "/never-was", Duration: time.Hour}
	_, err := l.Renew(t.Context(), never)
	wantKind(t, err, backend.NotFound)
	if err := l.Revoke(t.Context(), never.ID); err != nil {
		t.Errorf("revoking what never was: %v", err)
	}
}

func (h Harness) leasesCancelled(t *testing.T) {
	s := h.New(t)
	b := open(t, s)
	lease := borrow(t, b, s.Lend()).Lease
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, renew := leaser(t, b).Renew(ctx, lease)
	for call, err := range map[string]error{"Renew": renew, "Revoke": leaser(t, b).Revoke(ctx, lease.ID)} {
		if err == nil || backend.KindOf(err) != backend.Unavailable {
			t.Errorf("%s: %v, want Unavailable", call, err)
		}
	}
	if _, err := leaser(t, b).Renew(t.Context(), lease); err != nil {
		t.Errorf("the lease is none the worse for it, but: %v", err)
	}
}

// eventually waits for what a store does in its own time.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Error(err)
			return
		}
	}
}
