package restarts_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// copies matches the writes of copies.
func (b bed) copies(c testkit.Call) bool {
	return c.Writes() && (of(c, b.one, "") || of(c, b.two, ""))
}

func statuses(c testkit.Call) bool { return c.Writes() && strings.HasSuffix(c.Path, "/status") }

// recorded waits until a lease is in the status.
func (b bed) recorded(name string) (lease string) {
	b.T.Helper()
	b.Eventually(func() error {
		sm := b.Mirror(name)
		if sm.Status.VaultSource == nil {
			return fmt.Errorf("no lease is recorded; %s", mirrortest.State(sm))
		}
		lease = sm.Status.VaultSource.LeaseID
		return nil
	})
	return lease
}

// The lease is in the status before any copy has what it is for, so that
// whoever dies in between leaves a trace.
func TestCrashBetweenTheLeaseAndItsCopies(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := &running{}
	first.Set(func(r *http.Request) error {
		if b.copies(testkit.Call{Method: r.Method, Path: r.URL.Path}) {
			<-r.Context().Done() // on its way for as long as the operator lives
			return testkit.ErrCut
		}
		return nil
	}, nil)
	// Nor is there time to give anything back.
	b.Way.Set(testkit.Down().OnPrefix("/v1/sys/leases/revoke"))
	b.run(first)
	b.recorded("lent")
	first.stop()
	if b.Copy(b.one, "lent") != nil || b.Copy(b.two, "lent") != nil {
		t.Fatal("there is a copy")
	}
	lost := b.recorded("lent")
	b.Way.Set(testkit.None)
	b.operate()
	got := l.Working(b.one, "lent")
	l.Working(b.two, "lent")
	sm := b.Active("lent")
	if sm.Status.VaultSource.LeaseID != got.Annotations["mirrors.kts.studio/vault-lease-id"] {
		t.Errorf("the status records %s, and the copy is of %s", sm.Status.VaultSource.LeaseID, got.Annotations["mirrors.kts.studio/vault-lease-id"])
	}
	b.Event("lent", "VaultLeaseLeft", lost)
}

// Without a status there is nothing that would remember the lease.
func TestCredentialsThatCannotBeRecordedAreGivenBack(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operateWith(statuses)
	b.Eventually(func() error {
		if n := b.Way.Counts()["/v1/sys/leases/revoke"]; n == 0 {
			return fmt.Errorf("nothing was given back, and %d times something taken out", l.Takeouts())
		}
		return nil
	})
	if w := b.copyWrites(first); len(w) != 0 {
		t.Errorf("copies were made: %v", w)
	}
	first.Set(nil, nil)
	l.Working(b.one, "lent")
	b.Active("lent")
	l.LentNow(1)
}

func TestCrashBetweenTheCopiesAndTheStatus(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	first := b.operateWith(statuses)
	b.Has(b.one, "app", "password", "first")
	b.Has(b.two, "app", "password", "first")
	first.stop()
	one, two := b.Copy(b.one, "app"), b.Copy(b.two, "app")
	again := b.operate()
	b.Active("app", "in 2 namespaces")
	b.Untouched(one)
	b.Untouched(two)
	if w := b.copyWrites(again); len(w) != 0 {
		t.Errorf("it asks for %v", w)
	}
}

// A renewal that is not recorded is nothing to fear, and neither is a copy
// that could be written in one namespace alone.
func TestHalfOfTheCopiesIsNoReasonForNewCredentials(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operateWith(func(c testkit.Call) bool { return b.copies(c) && strings.Contains(c.Path, b.two) })
	was := l.Working(b.one, "lent")
	b.Says("lent", "Error", "SyncError", b.two+"/lent")
	first.stop()
	b.operate()
	b.HasThat(b.two, "lent", func(s *corev1.Secret) error {
		if mirrortest.User(s) != mirrortest.User(was) {
			return fmt.Errorf("is for %s, and the other for %s", mirrortest.User(s), mirrortest.User(was))
		}
		return nil
	})
	b.Active("lent")
	b.Untouched(was)
	l.LentNow(1)
}

// While nothing can be written, credentials must not be taken out again and
// again.
func TestCredentialsThatReachNobodyDoNotPileUp(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operateWith(b.copies)
	b.Eventually(func() error {
		if n := l.Takeouts(); n < 3 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	b.Eventually(func() error {
		if lent := l.Lent(); len(lent) > 1 {
			return fmt.Errorf("the database has %v", lent)
		}
		return nil
	})
	first.Set(nil, nil)
	l.Working(b.one, "lent")
	l.LentNow(1)
}
