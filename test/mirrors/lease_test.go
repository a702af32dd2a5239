package mirrors_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// Leases are renewed after a third of their time. The other two are what an
// operator on a busy machine may be late.

// poll is far off: what happens in time happens by the lease.
const poll = "pollPeriodSeconds: 86400"

func TestCredentialsStayTheSameWhileTheirLeaseIsRenewed(t *testing.T) {
	l := newBed(t).Lending("15s", "1h")
	one := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(one, "db")
	l.Event("db", "VaultNewCreds", l.Path+"/")
	l.Renewed(4) // that is past the first end
	l.Event("db", "VaultLeaseRenew")
	l.Active("db")

	// The original has nothing to give to a namespace that comes now.
	late := l.Has(l.Namespace("late"), "db", "username", mirrortest.User(was), "password", string(was.Data["password"]))
	l.Untouched(was)
	if err := l.Works(late); err != nil {
		t.Error(err)
	}

	// Nor does a copy that is lost cost new credentials.
	l.Remove(late)
	l.HasThat(late.Namespace, "db", func(s *corev1.Secret) error {
		if s.UID == late.UID || mirrortest.User(s) != mirrortest.User(was) {
			return fmt.Errorf("is for %s, want %s", mirrortest.User(s), mirrortest.User(was))
		}
		return nil
	})
	if n := l.Takeouts(); n != 1 || len(l.Lent()) != 1 {
		t.Errorf("credentials were taken out %d times, and there are %v", n, l.Lent())
	}
}

func TestCredentialsAreReplacedBeforeTheirLastEnd(t *testing.T) {
	l := newBed(t).Lending("24s", "40s")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	got := l.HasThat(ns, "db", func(s *corev1.Secret) error {
		err := l.Works(s)
		// What is not there any more may have ended.
		if now := l.Copy(ns, "db"); err != nil && now != nil && mirrortest.User(now) == mirrortest.User(s) && !t.Failed() {
			t.Errorf("at some time the copy did not work: %v", err)
		}
		if mirrortest.User(s) == mirrortest.User(was) {
			return errors.New("is still the first")
		}
		return nil
	})
	// Who has not read the new one yet can still work.
	if err := l.Works(was); err != nil {
		t.Errorf("the former credentials ended before the new ones came: %v", err)
	}
	if age := got.Annotations["mirrors.kts.studio/vault-lease-id"]; age == was.Annotations["mirrors.kts.studio/vault-lease-id"] {
		t.Error("the copy names the former lease")
	}
	if r := l.Renewals(); r < 2 {
		t.Errorf("only %d renewals before", r)
	}
	l.Event("db", "VaultLeaseLeft", was.Annotations["mirrors.kts.studio/vault-lease-id"])
}

// TestCredentialsAreReplacedBeforeTheirLoginsLastEnd: Vault ends a lease with
// the token that took it out, whatever it said of the lease.
func TestCredentialsAreReplacedBeforeTheirLoginsLastEnd(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	l.Logins("15s", "45s")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	if sm := l.Active("db"); sm.Status.VaultSource.LeaseDuration > 45 || sm.Status.VaultSource.TokenEndsAt == "" {
		t.Errorf("the status says of the lease %+v", sm.Status.VaultSource)
	}
	l.OpenUntilEnd(was)
	l.Active("db")
	if n := l.Takeouts(); n > 5 {
		t.Errorf("credentials were taken out %d times", n)
	}
}

func TestRevokedCredentialsAreReplaced(t *testing.T) {
	l := newBed(t).Lending("15s", "1h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	sm := l.Active("db")
	l.Must(l.Vault.Admin.Sys().RevokeWithContext(t.Context(), sm.Status.VaultSource.LeaseID))
	got := l.HasThat(ns, "db", func(s *corev1.Secret) error {
		if mirrortest.User(s) == mirrortest.User(was) {
			return errors.New("is still the revoked one")
		}
		return l.Works(s)
	})
	if users := l.LentNow(1); users[0] != mirrortest.User(got) {
		t.Errorf("the database has %v", users)
	}
}

func TestCredentialsAreRevokedWhenTheObjectGoes(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	l.Active("db")
	l.Remove(l.Mirror("db"))
	l.Gone(ns, "db")
	l.Left("db")
	l.LentNow(0)
	if l.Works(was) == nil {
		t.Error("what was lent still opens the database")
	}
	l.Event("db", "VaultLeaseRevoked")
}

func TestWhatIsRetainedIsNotRevoked(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll+"\ndeletePolicy: retain", "^$NS-"))
	was := l.Working(ns, "db")
	l.Active("db")
	l.Remove(l.Mirror("db"))
	l.Left("db")
	l.Untouched(was)
	if err := l.Works(was); err != nil {
		t.Error(err)
	}
	l.Event("db", "VaultLeaseLeft")
}

func TestALeaseThatMayNotBeRevokedHoldsNobodyUp(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	id, secret, err := l.Vault.AppRole(t.Context(), testkit.ReadOnly(l.Path))
	l.Must(err)
	l.Set(l.NS, "approle", "role-id", id, "secret-id", secret)
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	l.Working(ns, "db")
	l.Active("db")
	l.Remove(l.Mirror("db"))
	l.Gone(ns, "db")
	l.Left("db")
	l.Event("db", "VaultLeaseLeft")
}

func TestADeletedObjectWaitsForVaultToTakeItsCredentialsBack(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	l.Working(ns, "db")
	l.Active("db")
	l.Way.Set(testkit.Status(http.StatusServiceUnavailable, nil, `{"errors": ["down"]}`).OnPrefix("/v1/sys/leases"))
	l.Remove(l.Mirror("db"))
	l.Gone(ns, "db")
	sm := l.Says("db", "Error", "VaultError", "the object goes without it after")
	if sm.Status.VaultSource == nil {
		t.Error("it forgot what it waits to give back")
	}
	l.Way.Set(testkit.None)
	l.Left("db")
	l.LentNow(0)
}

func TestAnotherPathIsAnotherLease(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	l.Active("db")
	b := l.Bed
	b.Remove(b.Copy(b.NS, "approle"))
	other := b.Lending("1h", "2h")
	l.Apply(mirrortest.Lends("db", other.Path, poll, "^$NS-"))
	l.HasThat(ns, "db", func(s *corev1.Secret) error {
		if mirrortest.User(s) == mirrortest.User(was) {
			return errors.New("is still of the former path")
		}
		return other.Works(s)
	})
	l.Event("db", "VaultLeaseLeft", l.Path)
}

func TestARenewalThatFailsForAWhileCostsNothing(t *testing.T) {
	l := newBed(t).Lending("24s", "1h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	l.Way.Set(testkit.Status(http.StatusServiceUnavailable, nil, `{"errors": ["down"]}`))
	l.Says("db", "Error", "VaultError")
	l.Untouched(was)
	l.Way.Set(testkit.None)
	l.Active("db")
	l.Renewed(2)
	l.Untouched(was)
	if err := l.Works(was); err != nil || l.Takeouts() != 1 {
		t.Errorf("taken out %d times; %v", l.Takeouts(), err)
	}
}

// TestAVaultThatDoesNotAnswerKeepsNobodyFromWhatItLent, while that is good.
func TestAVaultThatDoesNotAnswerKeepsNobodyFromWhatItLent(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("db", l.Path, poll, "^$NS-"))
	was := l.Working(ns, "db")
	l.Active("db")
	l.Way.Set(testkit.Status(http.StatusServiceUnavailable, nil, `{"errors": ["down"]}`))
	late := l.Has(l.Namespace("late"), "db", "username", mirrortest.User(was), "password", string(was.Data["password"]))
	l.Untouched(was)
	l.Says("db", "Error", "VaultError")
	l.Remove(late)
	l.HasThat(late.Namespace, "db", func(s *corev1.Secret) error {
		if s.UID == late.UID || mirrortest.User(s) != mirrortest.User(was) {
			return fmt.Errorf("is for %s, want %s", mirrortest.User(s), mirrortest.User(was))
		}
		return nil
	})
	l.Untouched(was)
	if sm := l.Mirror("db"); sm.Status.VaultSource == nil || sm.Status.VaultSource.LeaseID != was.Annotations["mirrors.kts.studio/vault-lease-id"] {
		t.Errorf("the lease was forgotten; %s", mirrortest.State(sm))
	}
	l.Way.Set(testkit.None)
	l.Active("db", "in 2 namespaces")
	l.Untouched(was)
	if n := l.Takeouts(); n != 1 {
		t.Errorf("credentials were taken out %d times", n)
	}
}

func TestTwoObjectsShareNoCredentials(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	ns := l.Namespace("one")
	l.Apply(mirrortest.Lends("first", l.Path, poll, "^$NS-") + mirrortest.Lends("second", l.Path, poll, "^$NS-"))
	first, second := l.Working(ns, "first"), l.Working(ns, "second")
	if mirrortest.User(first) == mirrortest.User(second) {
		t.Error("both have the same")
	}
	l.Active("first")
	l.Remove(l.Mirror("first"))
	l.Left("first")
	if err := l.Works(second); err != nil {
		t.Error(err)
	}
	l.LentNow(1)
}

func TestCredentialsLentIntoVaultAreKeptThereToo(t *testing.T) {
	l := newBed(t).Lending("15s", "1h")
	id, secret, err := l.Vault.AppRole(t.Context(), l.Rules()+below(l.Bed))
	l.Must(err)
	l.Set(l.NS, "approle", "role-id", id, "secret-id", secret)
	l.Apply(mirrortest.Between("db", l.Path, "secret/data/$NS/db", poll))
	l.Active("db")
	l.Renewed(3)
	if n := version(l.Bed, "db"); n != 1 || l.Takeouts() != 1 {
		t.Errorf("taken out %d times, written %d times", l.Takeouts(), n)
	}
	got, err := l.Vault.Admin.KVv2("secret").Get(t.Context(), l.NS+"/db")
	l.Must(err)
	works := func() error {
		return l.DB.Login(t.Context(), got.Data["username"].(string), got.Data["password"].(string))
	}
	l.Must(works())
	// What is in Vault stays, and goes on as long as it may.
	l.Remove(l.Mirror("db"))
	l.Left("db")
	l.Event("db", "VaultLeaseLeft")
	if l.Way.Counts()["/v1/sys/leases/revoke"] != 0 {
		t.Error("what stays in Vault was revoked")
	}
}

// TestCredentialsThatAStoreRefusesDoNotPileUp: what could not be put there is
// given back.
func TestCredentialsThatAStoreRefusesDoNotPileUp(t *testing.T) {
	l := newBed(t).Lending("1h", "2h")
	id, secret, err := l.Vault.AppRole(t.Context(), l.Rules()) // without the right to write
	l.Must(err)
	l.Set(l.NS, "approle", "role-id", id, "secret-id", secret)
	l.Apply(mirrortest.Between("db", l.Path, "secret/data/$NS/db", poll))
	l.Eventually(func() error {
		if n := l.Takeouts(); n < 3 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	l.Eventually(func() error {
		if lent := l.Lent(); len(lent) > 1 {
			return fmt.Errorf("the database has %v", lent)
		}
		return nil
	})
}
