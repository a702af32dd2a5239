package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/database/dbplugin/v5"
)

// memoryPlugin is the name that memoryDatabase is configured under:
//
//	vault write database/config/memory plugin_name=memory-database-plugin allowed_roles='*'
const memoryPlugin = "memory-database-plugin"

// users are the accounts that leases of the database engine have made and
// not yet revoked. GET answers with their names as a JSON list.
type users struct {
	mu     sync.Mutex
	expiry map[string]time.Time
}

func newUsers() *users { return &users{expiry: map[string]time.Time{}} }

func (u *users) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	names := slices.AppendSeq([]string{}, maps.Keys(u.expiry))
	slices.Sort(names)
	_ = json.NewEncoder(w).Encode(names)
}

func (u *users) plugin() (any, error) { return memoryDatabase{u}, nil }

// memoryDatabase is a database that exists only as its list of users, so
// that leases can be issued, renewed and revoked where no database runs.
type memoryDatabase struct{ users *users }

var _ dbplugin.Database = memoryDatabase{}

func (d memoryDatabase) Initialize(_ context.Context, r dbplugin.InitializeRequest) (dbplugin.InitializeResponse, error) {
	return dbplugin.InitializeResponse{Config: r.Config}, nil
}

func (d memoryDatabase) NewUser(_ context.Context, r dbplugin.NewUserRequest) (dbplugin.NewUserResponse, error) {
	d.users.mu.Lock()
	defer d.users.mu.Unlock()
	name := "v-" + r.UsernameConfig.RoleName + "-" + rand.Text()
	d.users.expiry[name] = r.Expiration
	return dbplugin.NewUserResponse{Username: name}, nil
}

func (d memoryDatabase) UpdateUser(_ context.Context, r dbplugin.UpdateUserRequest) (dbplugin.UpdateUserResponse, error) {
	d.users.mu.Lock()
	defer d.users.mu.Unlock()
	if r.Expiration != nil {
		d.users.expiry[r.Username] = r.Expiration.NewExpiration
	}
	return dbplugin.UpdateUserResponse{}, nil
}

func (d memoryDatabase) DeleteUser(_ context.Context, r dbplugin.DeleteUserRequest) (dbplugin.DeleteUserResponse, error) {
	d.users.mu.Lock()
	defer d.users.mu.Unlock()
	delete(d.users.expiry, r.Username)
	return dbplugin.DeleteUserResponse{}, nil
}

func (memoryDatabase) Type() (string, error) { return "memory", nil }
func (memoryDatabase) Close() error          { return nil }
