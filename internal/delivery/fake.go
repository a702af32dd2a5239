package delivery

// FakeConfig is a store whose content stands in the manifest itself, for
// trying things out. Its values are no secrets: the manifest holds them in
// the clear.
type FakeConfig struct {
	Data []FakeEntry
	// Invalid makes the store's validation fail.
	Invalid bool
	// Unknown makes the store's validation end undecided.
	Unknown bool
}

// FakeEntry is one secret. Among entries with the same key the one with the
// wanted version is read; without a version, the last.
type FakeEntry struct{ Key, Value, Version string }

// Backend implements Config.
func (FakeConfig) Backend() string { return "fake" }

// Credentials implements Config.
func (FakeConfig) Credentials() []Credential { return nil }
