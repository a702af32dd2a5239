package vault_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/backendtest"
	"github.com/tacit-secrets/tacit/internal/backend/vault"
	"github.com/tacit-secrets/tacit/internal/broker"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// loans is a policy for who takes out leases of the database and ends them.
// That he may renew them Vault's default policy says.
const loans = `
path "database/creds/*" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
`

// database is a store of whole paths at a Vault that lends the credentials of
// database/creds/ROLE for an hour.
type database struct {
	*testkit.Vault
	key   string
	creds backendtest.Credentials
}

func newDatabase(t *testing.T, v *testkit.Vault, ttl string) database {
	t.Helper()
	role := strings.ToLower(rand.Text())
	if err := v.Leasing(t.Context(), role, ttl); err != nil {
		t.Fatal(err)
	}
	id, secret, err := v.AppRole(t.Context(), loans)
	if err != nil {
		t.Fatal(err)
	}
	return database{v, "database/creds/" + role, backendtest.Credentials{"role": id, "secret": secret}}
}

func (d database) config() delivery.VaultConfig {
	cfg := kvEngine{Vault: d.Vault}.config()
	cfg.KV, cfg.Mount = 0, ""
	return cfg
}

// has reports whether a lease's user is in the database.
func (d database) has(t *testing.T, user string) bool {
	t.Helper()
	users, err := d.DatabaseUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(users, user)
}

func userOf(t *testing.T, doc backend.Document) string {
	t.Helper()
	var fields struct{ Username, Password string }
	if err := json.Unmarshal(doc.Value.Reveal(), &fields); err != nil || fields.Username == "" || fields.Password == "" {
		t.Fatalf("the document is no user with a password: %v", err)
	}
	return fields.Username
}

func TestSuiteLending(t *testing.T) {
	t.Parallel()
	backendtest.Lending(t, backendtest.Harness{New: func(t *testing.T) backendtest.Store {
		d := newDatabase(t, testkit.SharedVault(t), "1h")
		return backendtest.Store{
			Open: func() backend.Backend { return open(t, d.config(), d.creds) },
			Lend: func() string { return d.key },
		}
	}})
}

func TestCredentialsLiveUntilTheirLeaseIsRevoked(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, testkit.SharedVault(t), "1h")
	first := open(t, d.config(), d.creds)
	doc, err := first.Read(t.Context(), backend.Ref{Key: "/" + d.key})
	if err != nil {
		t.Fatal(err)
	}
	user := userOf(t, doc)
	if doc.Version != "" || doc.Lease.Duration != time.Hour || !d.has(t, user) {
		t.Errorf("version %q, lease %+v, there %v", doc.Version, doc.Lease, d.has(t, user))
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := open(t, d.config(), d.creds)
	defer func() { _ = second.Close(context.Background()) }()
	granted, err := second.(backend.Leaser).Renew(t.Context(), doc.Lease)
	if err != nil || !d.has(t, user) {
		t.Errorf("after the session was closed: %+v, %v, there %v", granted, err, d.has(t, user))
	}
	if err := second.(backend.Leaser).Revoke(t.Context(), doc.Lease.ID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, eventually, func() error {
		if d.has(t, user) {
			return fmt.Errorf("user %s is still there", user)
		}
		return nil
	})
}

func TestASessionThatLentNothingLeavesNoToken(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, testkit.SharedVault(t), "1h")
	b := open(t, d.config(), d.creds)
	doc, err := b.Read(t.Context(), backend.Ref{Key: "auth/token/lookup-self"})
	if err != nil {
		t.Fatal(err)
	}
	var self struct{ Accessor string }
	if err := json.Unmarshal(doc.Value.Reveal(), &self); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := d.Admin.Auth().Token().LookupAccessorWithContext(t.Context(), self.Accessor); err == nil {
		t.Errorf("the token is still there: %v", found.Data["policies"])
	}
}

func TestWhatMayNotBeRenewedOrRevokedIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, testkit.SharedVault(t), "1h")
	doc, err := open(t, d.config(), d.creds).Read(t.Context(), backend.Ref{Key: d.key})
	if err != nil {
		t.Fatal(err)
	}
	id, secret, err := d.AppRole(t.Context(), `path "sys/leases/renew" { capabilities = ["deny"] }`)
	if err != nil {
		t.Fatal(err)
	}
	stranger := open(t, d.config(), backendtest.Credentials{"role": id, "secret": secret}).(backend.Leaser)
	_, renew := stranger.Renew(t.Context(), doc.Lease)
	for call, err := range map[string]error{"renew": renew, "revoke": stranger.Revoke(t.Context(), doc.Lease.ID)} {
		if err == nil || backend.KindOf(err) != backend.Refused || !strings.Contains(err.Error(), doc.Lease.ID) {
			t.Errorf("%s: %v, want Refused with the lease named", call, err)
		}
	}
}

// brokered is a broker before the real backend.
func brokered(creds backend.Credentials) *broker.Broker {
	return broker.New(broker.Options{
		Openers:     map[string]backend.Opener{"vault": vault.Open},
		Credentials: func(delivery.StoreRef, string) backend.Credentials { return creds },
	})
}

func TestReadersOfALeasedPathAtOnceGetALeaseEach(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, testkit.SharedVault(t), "1h")
	b := brokered(d.creds)
	st := &delivery.Store{Ref: delivery.StoreRef{Kind: "SecretMirror", Namespace: "ns", Name: "digest"}, Config: d.config()}
	asked := time.Now()
	users := make(chan string, 8)
	for range cap(users) {
		go func() {
			doc, err := b.Read(t.Context(), st, "ns", backend.Ref{Key: d.key}, asked)
			if err != nil {
				t.Error(err)
				users <- ""
				return
			}
			users <- userOf(t, doc)
		}()
	}
	seen := map[string]bool{}
	for range cap(users) {
		user := <-users
		seen[user] = true
		if !d.has(t, user) {
			t.Errorf("user %s is not in the database", user)
		}
	}
	if len(seen) != cap(users) {
		t.Errorf("%d readers got %d users", cap(users), len(seen))
	}
}

func TestOneLogInHoweverManyPolls(t *testing.T) {
	t.Parallel()
	v, err := testkit.StartVault(t.Context(), testkit.VaultOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	d := newDatabase(t, v, "1h")
	b := brokered(d.creds)
	st := &delivery.Store{Ref: delivery.StoreRef{Kind: "SecretMirror", Namespace: "ns", Name: "digest"}, Config: d.config()}
	if err := v.ResetCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc, err := b.Read(t.Context(), st, "ns", backend.Ref{Key: d.key}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := b.Renew(t.Context(), st, "ns", doc.Lease); err != nil {
			t.Fatal(err)
		}
	}
	counts, err := v.Counts(t.Context())
	// The token, which lasts as long as the lease, is made to last longer once.
	if err != nil || counts.Logins != 1 || counts.Total != 53 {
		t.Errorf("a read and 50 polls cost %+v, %v; want one log-in and one renewal of it, and no call beside them", counts, err)
	}
}

func TestBadAnswersAboutLeases(t *testing.T) {
	t.Parallel()
	const granted = `{"request_id":"x","lease_id":"a/b/c","renewable":true,"lease_duration":60}`
	for name, c := range map[string]struct {
		handler       http.HandlerFunc
		renew, revoke backend.Kind // empty: success
		says          string
	}{
		"renewed":           {say(200, granted), "", "", ""},
		"accepted":          {say(202, ``), backend.Malformed, "", ""},
		"no content":        {say(204, ``), backend.Malformed, "", ""},
		"another lease":     {say(200, `{"request_id":"x","lease_id":"a/b/d","lease_duration":60}`), backend.Malformed, "", ""},
		"no duration":       {say(200, `{"request_id":"x","lease_id":"a/b/c"}`), backend.Malformed, "", ""},
		"at its end":        {say(200, `{"request_id":"x","lease_id":"a/b/c","lease_duration":0}`), backend.NotFound, "", "end"},
		"unknown":           {say(400, `{"errors":["lease not found"]}`), backend.NotFound, "", "ended"},
		"expired":           {say(400, `{"errors":["lease expired"]}`), backend.NotFound, "", "ended"},
		"past its longest":  {say(400, `{"errors":["failed to renew entry: past the max TTL, cannot renew"]}`), backend.NotFound, "", "ended"},
		"not renewable":     {say(400, `{"errors":["lease is not renewable"]}`), backend.Unsupported, backend.Misconfigured, "not renewable"},
		"its words by HTML": {say(400, "lease not found "+canary), backend.Misconfigured, backend.Misconfigured, "not in Vault's form"},
		"bad request":       {say(400, `{"errors":["bad"]}`), backend.Misconfigured, backend.Misconfigured, "bad"},
		"garbage":           {say(200, canary+"{{{"), backend.Malformed, backend.Malformed, ""},
		"empty":             {say(200, ""), backend.Malformed, backend.Malformed, ""},
		"HTML":              {say(200, "<html>"+canary), backend.Malformed, backend.Malformed, ""},
		"wrong types":       {say(200, `{"lease_id":["`+canary+`"],"lease_duration":"x"}`), backend.Malformed, backend.Malformed, ""},
		"cut":               {cut, backend.Malformed, backend.Malformed, "cut off"},
		"denied":            {say(403, `{"errors":["permission denied"]}`), backend.Refused, backend.Refused, "permission denied"},
		"throttled":         {say(429, `{"errors":[]}`, "Retry-After", "3"), backend.Throttled, backend.Throttled, ""},
		"no route":          {say(404, `{"errors":["no handler for route"]}`), backend.Misconfigured, backend.Misconfigured, "no handler"},
		"absent":            {say(404, `{"errors":[]}`), backend.Misconfigured, backend.Misconfigured, ""},
		"internal error":    {say(500, `{"errors":["internal error"]}`), backend.Unavailable, backend.Unavailable, "internal error"},
		"bad gateway":       {say(502, canary), backend.Unavailable, backend.Unavailable, ""},
		"sealed":            {say(503, `{"errors":["Vault is sealed"]}`), backend.Unavailable, backend.Unavailable, "sealed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := rawAt(t, c.handler).(backend.Leaser)
			got, err := l.Renew(t.Context(), delivery.Lease{ID: "a/b/c", Duration: time.Hour})
			wantOutcome(t, err, c.renew, c.says)
			if want := (delivery.Lease{ID: "a/b/c", Duration: time.Minute, Renewable: true}); err == nil && got != want {
				t.Errorf("granted %+v, want %+v", got, want)
			}
			says := c.says
			if c.revoke == "" {
				says = ""
			}
			wantOutcome(t, l.Revoke(t.Context(), "a/b/c"), c.revoke, says)
		})
	}
	l := rawAt(t, say(200, granted)).(backend.Leaser)
	_, err := l.Renew(t.Context(), delivery.Lease{})
	wantOutcome(t, err, backend.Misconfigured, "no lease")
	wantOutcome(t, l.Revoke(t.Context(), ""), backend.Misconfigured, "no lease")
}

// TestAFailedRenewalTellsItsStatus, for alerts.
func TestAFailedRenewalTellsItsStatus(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{400: `{"errors":["lease not found"]}`, 403: `{"errors":["permission denied"]}`, 503: `{"errors":[]}`} {
		b := rawAt(t, say(status, body)).(backend.Leaser)
		if _, err := b.Renew(t.Context(), delivery.Lease{ID: "a/b/c", Duration: time.Minute}); backend.StatusOf(err) != status {
			t.Errorf("%d: %v tells %d", status, err, backend.StatusOf(err))
		}
	}
}
