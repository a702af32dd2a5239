package main

import (
	"slices"

	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
)

// registry tells Vault's plugin catalog what is compiled in. Engines and auth
// methods are found by their factories in the core's configuration, so only
// database plugins have one here.
type registry struct {
	names     map[consts.PluginType][]string
	databases map[string]func() (any, error)
}

func newRegistry(users *users) registry {
	return registry{
		names: map[consts.PluginType][]string{
			consts.PluginTypeSecrets:    {"kv", "database"},
			consts.PluginTypeCredential: {"approle", "kubernetes", "jwt"},
			consts.PluginTypeDatabase:   {"postgresql-database-plugin", memoryPlugin},
		},
		databases: map[string]func() (any, error){
			"postgresql-database-plugin": postgresql.New,
			memoryPlugin:                 users.plugin,
		},
	}
}

func (r registry) Contains(name string, t consts.PluginType) bool {
	return slices.Contains(r.names[t], name)
}

func (r registry) Keys(t consts.PluginType) []string { return r.names[t] }

func (r registry) Get(name string, t consts.PluginType) (func() (any, error), bool) {
	if t == consts.PluginTypeDatabase {
		make, ok := r.databases[name]
		return make, ok
	}
	return func() (any, error) { return nil, nil }, r.Contains(name, t)
}

func (r registry) DeprecationStatus(name string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, t)
}
