package restarts_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

func TestOverlappingPatternsWriteANamespaceOnce(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-one", "^$NS-", "one$", ".*-one"))
	r := b.operate()
	b.Active("app", "in 2 namespaces")
	for _, ns := range []string{b.one, b.two} {
		made := r.Which(func(c testkit.Call) bool {
			return c.Writes() && strings.HasPrefix(c.Path, "/api/v1/namespaces/"+ns+"/secrets")
		})
		if len(made) != 1 {
			t.Errorf("namespace %s was written by %v", ns, made)
		}
	}
}

func TestTheSourceIsReadOnceHoweverManyCopies(t *testing.T) {
	b := newBed(t)
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	r := b.operate()
	b.Active("app", "in 2 namespaces")
	reads := func() int {
		return len(r.Which(func(c testkit.Call) bool { return !c.Writes() && of(c, b.NS, "app") }))
	}
	if n := reads(); n != 1 {
		t.Errorf("it was read %d times", n)
	}
	b.caughtUp() // a copy that the watch has not brought yet is read before it is written
	b.Set(b.NS, "app", "password", "second")
	b.Has(b.one, "app", "password", "second")
	b.Has(b.two, "app", "password", "second")
	if n := reads(); n != 2 {
		t.Errorf("with one change it was read %d times", n)
	}
	// A copy that is written costs that write and no read.
	for _, ns := range []string{b.one, b.two} {
		if got := r.Which(func(c testkit.Call) bool { return of(c, ns, "app") }); len(got) != 1 {
			t.Errorf("the copy in %s cost %v", ns, got)
		}
	}
}

// Of Secrets that are nobody's it learns no more than that they are there: the
// original keeps every one of them in memory, whole.
func TestForeignSecretsAreNotRead(t *testing.T) {
	b := newBed(t)
	big := strings.Repeat("x", 10_000)
	const foreign = 50
	for i := range foreign {
		for _, ns := range []string{b.NS, b.one} {
			b.Make(ns, fmt.Sprintf("foreign-%d", i), "value", big)
		}
	}
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-"))
	r := &running{}
	var mu sync.Mutex
	var whole []string
	r.Set(func(req *http.Request) error {
		c := testkit.Call{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery}
		mine := of(c, b.NS, "app") || of(c, b.one, "app") || of(c, b.two, "app") || of(c, b.NS, "tacit-digest-key")
		if !c.Writes() && c.OnSecrets() && !mine && !strings.Contains(req.Header.Get("Accept"), "as=PartialObjectMetadata") {
			mu.Lock()
			defer mu.Unlock()
			whole = append(whole, c.Path)
		}
		return nil
	}, nil)
	b.run(r)
	b.Active("app")
	b.Set(b.NS, "foreign-0", "value", "changed")
	b.Set(b.NS, "app", "password", "second")
	b.Has(b.one, "app", "password", "second")
	mu.Lock()
	defer mu.Unlock()
	if len(whole) != 0 || len(r.Which(func(c testkit.Call) bool { return c.OnSecrets() && c.Watches() })) == 0 {
		t.Errorf("whole Secrets were asked for by %v", whole)
	}
}

func TestMetricsUnderTheOriginalsNames(t *testing.T) {
	b := newBed(t)
	l := b.Lending("15s", "1h") // the rest is what the operator may be late
	b.Make(b.NS, "app", "password", "first")
	b.Apply(mirrortest.Copies("app", "", "^$NS-") + mirrortest.Lends("lent", l.Path, daily, "^$NS-one$"))
	r := b.operate()
	l.Renewed(2)
	b.Active("lent")
	app, lent := "mirror="+b.NS+"/app", "mirror="+b.NS+"/lent"
	b.counts(r, 2, "mirrors_ns_current_count", app, "source_type=secret")
	b.counts(r, 1, "mirrors_ns_current_count", lent, "source_type=vault")
	b.counts(r, 1, "mirrors_sync_total", app, "source_type=secret", "destination_type=namespaces")
	b.Eventually(func() error {
		got, err := r.value("mirrors_vault_lease_renew_ok_total", lent, "vault="+b.VaultAddr)
		if err == nil && got < 2 {
			err = fmt.Errorf("%v renewals are counted", got)
		}
		return err
	})
	sm := b.Mirror("lent")
	b.Must(b.Vault.Admin.Sys().RevokeWithContext(t.Context(), sm.Status.VaultSource.LeaseID))
	b.counts(r, 1, "mirrors_vault_lease_renew_error_total", lent, "vault="+b.VaultAddr)
	b.Remove(b.Mirror("lent"))
	b.Left("lent")
	b.counts(r, 0, "mirrors_sync_total", lent)
}
