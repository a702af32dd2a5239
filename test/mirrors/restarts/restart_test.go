package restarts_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/operator"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

const daily = "pollPeriodSeconds: 86400"

// everything is a SecretMirror of each road.
func everything(b bed) (mirrortest.Loan, []string) {
	b.T.Helper()
	l := b.Lending("1h", "2h")
	id, secret, err := b.Vault.AppRole(b.T.Context(), l.Rules()+`path "secret/data/`+b.NS+`/*" { capabilities = ["read", "create", "update"] }`)
	b.Must(err)
	b.Set(b.NS, "approle", "role-id", id, "secret-id", secret)
	b.Make(b.NS, "copied", "password", "of the cluster")
	b.Make(b.NS, "into", "password", "of the cluster")
	b.Put("read", map[string]any{"password": "of Vault"})
	b.Apply(mirrortest.Copies("copied", "", "^$NS-") +
		mirrortest.Lends("read", "/secret/data/$NS/read", daily, "^$NS-") +
		mirrortest.Lends("lent", l.Path, daily, "^$NS-") +
		mirrortest.Into("into", "/secret/data/$NS/into") +
		mirrortest.Between("between", "/secret/data/$NS/read", "/secret/data/$NS/between", daily))
	return l, []string{"copied", "read", "lent", "into", "between"}
}

func TestARestartWithNothingChangedWritesNothing(t *testing.T) {
	b := newBed(t)
	l, names := everything(b)
	first := b.operate()
	for _, name := range names {
		b.Active(name)
	}
	l.Working(b.one, "lent")
	first.stop()

	var copies []*corev1.Secret
	for _, ns := range []string{b.one, b.two} {
		for _, name := range []string{"copied", "read", "lent"} {
			copies = append(copies, b.Copy(ns, name))
		}
	}
	stored := func(path string) int {
		meta, err := b.Vault.Admin.KVv2("secret").GetMetadata(t.Context(), b.NS+"/"+path)
		b.Must(err)
		return meta.CurrentVersion
	}
	b.Way.ResetCounts()
	for range 2 {
		again := b.operate()
		b.settled(again, len(names))
		again.stop()
		if w := b.copyWrites(again); len(w) != 0 {
			t.Errorf("a restart asks for %v", w)
		}
	}
	for _, s := range copies {
		b.Untouched(s)
	}
	if into, between := stored("into"), stored("between"); into != 1 || between != 1 {
		t.Errorf("Vault was written %d and %d times", into, between)
	}
	if n := l.Takeouts(); n != 0 || len(l.Lent()) != 1 {
		t.Errorf("credentials were taken out %d times, and there are %v", n, l.Lent())
	}
	if err := l.Works(copies[2]); err != nil {
		t.Error(err)
	}
}

func TestALeaseIsRenewedAcrossARestart(t *testing.T) {
	b := newBed(t)
	l := b.Lending("24s", "1h") // in which another operator has to start
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operate()
	was := l.Working(b.one, "lent")
	b.Active("lent")
	first.stop()
	b.operate()
	l.Renewed(4) // that is past the end of what the first one knew
	b.Untouched(was)
	if err := l.Works(was); err != nil || l.Takeouts() != 1 {
		t.Errorf("taken out %d times; %v", l.Takeouts(), err)
	}
}

// TestALeaseOnTheUsersOwnTokenOutlivesARestart: the next operator has the same
// token, and renews it.
func TestALeaseOnTheUsersOwnTokenOutlivesARestart(t *testing.T) {
	b := newBed(t)
	l := b.Lending("24s", "1h") // in which another operator has to start
	policy, err := b.Vault.Policy(t.Context(), l.Rules())
	b.Must(err)
	own, err := b.Vault.Admin.Logical().WriteWithContext(t.Context(), "auth/token/create",
		map[string]any{"policies": []string{policy}, "period": "30s"})
	b.Must(err)
	b.Make(b.NS, "own", "token", own.Auth.ClientToken)
	b.Apply(strings.Replace(mirrortest.Lends("lent", l.Path, daily, "^$NS-"),
		"approle: {secretRef: {name: approle}}", "token: {secretRef: {name: own}}", 1))
	first := b.operate()
	was := l.Working(b.one, "lent")
	b.Active("lent")
	first.stop()
	b.operate()
	l.Renewed(5) // that is past the end of the token as the first one knew it
	b.Untouched(was)
	if err := l.Works(was); err != nil || l.Takeouts() != 1 {
		t.Errorf("taken out %d times; %v", l.Takeouts(), err)
	}
}

// TestCredentialsAreReplacedBeforeTheLoginOfAFormerOperatorEnds: nobody can
// renew that any more.
func TestCredentialsAreReplacedBeforeTheLoginOfAFormerOperatorEnds(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	l.Logins("15s", "45s")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operate()
	was := l.Working(b.one, "lent")
	b.Active("lent")
	first.stop()
	b.operate()
	l.OpenUntilEnd(was)
	b.Active("lent")
}

// TestALeaseOfWhichNoEndIsKnownIsLookedAtAtTheStart: the original recorded none,
// and its CustomResourceDefinition keeps none.
func TestALeaseOfWhichNoEndIsKnownIsLookedAtAtTheStart(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	first := b.operate()
	was := l.Working(b.one, "lent")
	b.Active("lent")
	first.stop()
	sm := b.Mirror("lent")
	patch := client.MergeFrom(sm.DeepCopy())
	sm.Status.VaultSource.TokenEndsAt = ""
	b.Must(b.Status().Patch(t.Context(), sm, patch))
	b.Must(b.Vault.Admin.Sys().RevokeWithContext(t.Context(), sm.Status.VaultSource.LeaseID))
	b.operate()
	b.HasThat(b.one, "lent", func(s *corev1.Secret) error {
		if mirrortest.User(s) == mirrortest.User(was) {
			return errors.New("is still the one that was revoked")
		}
		return l.Works(s)
	})
}

func TestAnObjectDeletedAfterARestartLeavesNothing(t *testing.T) {
	b := newBed(t)
	l, names := everything(b)
	first := b.operate()
	for _, name := range names {
		b.Active(name)
	}
	first.stop()
	b.settled(b.operate(), len(names))
	for _, name := range names {
		b.Remove(b.Mirror(name))
		b.Left(name)
	}
	for _, ns := range []string{b.one, b.two} {
		for _, name := range []string{"copied", "read", "lent"} {
			b.Gone(ns, name)
		}
	}
	l.LentNow(0)
}

func TestWhatIsDeletedWhileNobodyLooksLeavesNothing(t *testing.T) {
	b := newBed(t)
	l, names := everything(b)
	first := b.operate()
	for _, name := range names {
		b.Active(name)
	}
	first.stop()
	for _, name := range names {
		b.Remove(b.Mirror(name))
	}
	b.operate()
	for _, ns := range []string{b.one, b.two} {
		for _, name := range []string{"copied", "read", "lent"} {
			b.Gone(ns, name)
		}
	}
	for _, name := range names {
		b.Left(name)
	}
	l.LentNow(0)
	b.Has(b.NS, "copied", "password", "of the cluster")
}

func TestWhatIsChangedWhileNobodyLooksLeavesNoOrphan(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		// gone and there are namespace/name, 1 and 2 for the namespaces.
		gone, there []string
	}{
		"narrowed":           {mirrortest.Copies("app", "", "^$NS-one$"), []string{"2/app"}, []string{"1/app"}},
		"to nowhere":         {mirrortest.Copies("app", "", "^nowhere$"), []string{"1/app", "2/app"}, nil},
		"renamed":            {mirrortest.Copies("app", "source: {name: other}", "^$NS-"), []string{"1/app", "2/app"}, []string{"1/other", "2/other"}},
		"both":               {mirrortest.Copies("app", "source: {name: other}", "^$NS-one$"), []string{"1/app", "2/app", "2/other"}, []string{"1/other"}},
		"to Vault":           {mirrortest.Into("app", "/secret/data/$NS/app"), []string{"1/app", "2/app"}, nil},
		"from Vault":         {mirrortest.Lends("app", "/secret/data/$NS/read", "", "^$NS-one$"), []string{"2/app"}, []string{"1/app"}},
		"retained from here": {mirrortest.Copies("app", "deletePolicy: retain", "^$NS-one$"), nil, []string{"1/app", "2/app"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.Login("approle", `path "secret/data/`+b.NS+`/*" { capabilities = ["read", "create", "update"] }`)
			b.Put("read", map[string]any{"password": "of Vault"})
			b.Make(b.NS, "app", "password", "first")
			b.Make(b.NS, "other", "password", "second")
			b.Apply(mirrortest.Copies("app", "", "^$NS-"))
			first := b.operate()
			b.Has(b.one, "app", "password", "first")
			b.Has(b.two, "app", "password", "first")
			b.Active("app")
			first.stop()
			b.Apply(c.change)
			b.operate()
			b.Active("app")
			at := func(place string) (namespace, name string) {
				return map[byte]string{'1': b.one, '2': b.two}[place[0]], place[2:]
			}
			for _, place := range c.gone {
				b.Gone(at(place))
			}
			for _, place := range c.there {
				if ns, name := at(place); b.Copy(ns, name) == nil {
					t.Errorf("there is no %s", place)
				}
			}
		})
	}
}

func TestANamespaceThatCameWhileNobodyLookedIsServed(t *testing.T) {
	b := newBed(t)
	l := b.Lending("1h", "2h")
	b.Apply(mirrortest.Lends("lent", l.Path, daily, "^$NS-"))
	two := b.two
	b.two = b.one // it is not there yet
	first := b.operate()
	was := l.Working(b.one, "lent")
	b.Active("lent")
	first.stop()
	b.two = two
	b.operate()
	b.Has(b.two, "lent", "username", mirrortest.User(was), "password", string(was.Data["password"]))
	b.Untouched(was)
	if n := l.Takeouts(); n != 1 {
		t.Errorf("credentials were taken out %d times", n)
	}
}

func TestLoginsAreGivenBackWhenTheOperatorEnds(t *testing.T) {
	b := newBed(t)
	b.Login("approle", `path "secret/data/`+b.NS+`/*" { capabilities = ["read"] }`)
	b.Put("app", map[string]any{"password": "first"})
	b.Apply(mirrortest.Lends("app", "/secret/data/$NS/app", "pollPeriodSeconds: 1", "^$NS-"))
	r := b.operate()
	b.Active("app")
	r.stop()
	counts := b.Way.Counts()
	if in, out := counts["/v1/auth/approle/login"], counts["/v1/auth/token/revoke-self"]; in == 0 || out != in {
		t.Errorf("%d logins, and %d of them given back", in, out)
	}
}

func TestTheOperatorMayBeLetTakeCredentialsFromElsewhere(t *testing.T) {
	b := newBed(t)
	b.Put("app", map[string]any{"password": "first"})
	token, err := b.Vault.Token(t.Context(), `path "secret/data/`+b.NS+`/*" { capabilities = ["read"] }`)
	b.Must(err)
	b.Make(b.two, "login", "vault", token)
	b.Apply(strings.Replace(mirrortest.Lends("app", "/secret/data/$NS/app", "", "^$NS-one$"),
		"approle: {secretRef: {name: approle}}", "token: {tokenKey: vault, secretRef: {name: login, namespace: "+b.two+"}}", 1))
	first := b.operate()
	b.Says("app", "Error", "SyncError", "--mirrors-credential-namespace="+b.two)
	first.stop()
	b.runWith(&running{}, func(o *operator.Options) { o.Languages.MirrorCredentials = []string{b.two} })
	b.Has(b.one, "app", "password", "first")
	b.Active("app")
}
