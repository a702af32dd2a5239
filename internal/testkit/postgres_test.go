package testkit_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tacit-secrets/tacit/internal/testkit"
)

func TestPostgresLendsRolesThroughVault(t *testing.T) {
	t.Parallel()
	vault, db := testkit.SharedVault(t), testkit.SharedPostgres(t)
	role := strings.ToLower(rand.Text())
	if err := vault.Lending(t.Context(), db, "database", role, "1h", "2h"); err != nil {
		t.Fatal(err)
	}
	lent, err := vault.Admin.Logical().ReadWithContext(t.Context(), "database/creds/"+role)
	if err != nil {
		t.Fatal(err)
	}
	user, password := lent.Data["username"].(string), lent.Data["password"].(string)
	if err := db.Login(t.Context(), user, password); err != nil {
		t.Error(err)
	}
	if err := db.Login(t.Context(), user, "another"); err == nil {
		t.Error("any password is let in")
	}
	if err := vault.Admin.Sys().RevokeWithContext(t.Context(), lent.LeaseID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() error { // Vault does it in its own time
		roles, err := db.Roles(t.Context())
		if err == nil && slices.Contains(roles, user) {
			err = fmt.Errorf("the roles are %v", roles)
		}
		return err
	})
}
