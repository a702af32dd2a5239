package mirrortest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Loan is a role of Vault's database engine, which lends roles of a real
// PostgreSQL, and the AppRole "approle" that may have them.
type Loan struct {
	Bed
	DB *testkit.Postgres
	// Role names it, and Path is where Vault lends.
	Role, Path string
}

// Lending makes one whose leases last ttl, and maxTTL however often they are
// renewed.
func (b Bed) Lending(ttl, maxTTL string) Loan {
	b.T.Helper()
	l := Loan{Bed: b, DB: testkit.SharedPostgres(b.T), Role: strings.ToLower(rand.Text()[:8])}
	l.Path = "database/creds/" + l.Role
	b.Must(b.Vault.Lending(b.T.Context(), l.DB, "database", l.Role, ttl, maxTTL))
	b.Login("approle", l.Rules())
	return l
}

// Rules are what an object needs of Vault to borrow and to give back.
func (l Loan) Rules() string {
	return `path "` + l.Path + `" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
`
}

// Logins lets the tokens that "approle" logs in for last ttl, and maxTTL however
// often they are renewed.
func (l Loan) Logins(ttl, maxTTL string) {
	l.T.Helper()
	policy, err := l.Vault.Policy(l.T.Context(), l.Rules())
	l.Must(err)
	vault, role := l.Vault.Admin.Logical(), "auth/approle/role/"+policy
	_, err = vault.WriteWithContext(l.T.Context(), role, map[string]any{
		"token_policies": policy, "token_ttl": ttl, "token_max_ttl": maxTTL})
	l.Must(err)
	id, err := vault.ReadWithContext(l.T.Context(), role+"/role-id")
	l.Must(err)
	secret, err := vault.WriteWithContext(l.T.Context(), role+"/secret-id", nil)
	l.Must(err)
	l.Set(l.NS, "approle", "role-id", id.Data["role_id"].(string), "secret-id", secret.Data["secret_id"].(string))
}

// OpenUntilEnd fails the test if what a copy holds stops opening the database
// before something else is in its place. It looks until the first credentials
// have come to their end.
func (l Loan) OpenUntilEnd(first *corev1.Secret) {
	l.T.Helper()
	testkit.Eventually(l.T, 3*time.Minute, func() error {
		now := l.Copy(first.Namespace, first.Name)
		if now == nil {
			l.T.Fatal("the copy is gone")
		}
		if err := l.Works(now); err != nil {
			// Vault is asked too: a machine may be too busy for a database, and
			// the copy may have been replaced meanwhile.
			id := now.Annotations["mirrors.kts.studio/vault-lease-id"]
			_, gone := l.Vault.Admin.Sys().LookupWithContext(l.T.Context(), id)
			if same := l.Copy(now.Namespace, now.Name); gone != nil && same != nil && same.ResourceVersion == now.ResourceVersion {
				l.T.Fatalf("the copy holds credentials whose lease %s has ended: %v; %s", id, gone, l.states())
			}
			return err
		}
		if User(now) == User(first) || l.Works(first) == nil {
			return errors.New("the first credentials still open the database")
		}
		return nil
	})
}

// Lent are the roles that are in the database for this loan.
func (l Loan) Lent() []string {
	l.T.Helper()
	all, err := l.DB.Roles(l.T.Context())
	l.Must(err)
	return slices.DeleteFunc(all, func(name string) bool { return !strings.Contains(name, "-"+l.Role+"-") })
}

// LentNow waits until so many roles are in the database.
func (l Loan) LentNow(n int) []string {
	l.T.Helper()
	var got []string
	l.Eventually(func() error {
		if got = l.Lent(); len(got) != n {
			return fmt.Errorf("the roles are %v, want %d; %s", got, n, l.states())
		}
		return nil
	})
	return got
}

// User is whom a copy lets log in.
func User(s *corev1.Secret) string { return string(s.Data["username"]) }

// Works reports why what a copy holds does not open the database.
func (l Loan) Works(s *corev1.Secret) error {
	return l.DB.Login(l.T.Context(), User(s), string(s.Data["password"]))
}

// Working waits until there is a copy that opens the database.
func (l Loan) Working(namespace, name string) *corev1.Secret {
	l.T.Helper()
	return l.HasThat(namespace, name, l.Works)
}

// Takeouts is how often new credentials were asked for.
func (l Loan) Takeouts() int { return l.Way.Counts()["/v1/"+l.Path] }

// Renewals is how often a lease was renewed, or tried to be.
func (l Loan) Renewals() int { return l.Way.Counts()["/v1/sys/leases/renew"] }

// Renewed waits for so many more renewals.
func (l Loan) Renewed(n int) {
	l.T.Helper()
	n += l.Renewals()
	l.Eventually(func() error {
		if got := l.Renewals(); got < n {
			return fmt.Errorf("%d renewals, want %d; %s", got, n, l.states())
		}
		return nil
	})
}
