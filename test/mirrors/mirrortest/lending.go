package mirrortest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

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
