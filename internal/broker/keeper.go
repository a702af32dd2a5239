package broker

import (
	"cmp"
	"context"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// keeper is an object that holds a credential.
type keeper struct {
	kind            delivery.CredentialKind
	namespace, name string
}

// ForgetUsing closes the sessions of inline stores that took a credential from
// the object, which changed or is gone. No object of the language need be left
// that names the store: who makes one later is to be let in by what there is
// then, and not by what was. It returns at once.
func (b *Broker) ForgetUsing(ctx context.Context, kind delivery.CredentialKind, namespace, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.users[keeper{kind, namespace, name}] {
		b.end(ctx, id, b.sessions[id])
	}
}

// enlist notes where the credentials of a new session are kept. b.mu is held.
func (b *Broker) enlist(id identity, s *session, cfg delivery.Config) {
	if !s.inline {
		return
	}
	for _, c := range cfg.Credentials() {
		k := keeper{c.Kind, cmp.Or(c.Namespace, id.store.Namespace, id.namespace), c.Name}
		if b.users[k] == nil {
			b.users[k] = map[identity]bool{}
		}
		b.users[k][id] = true
		s.keepers = append(s.keepers, k)
	}
}

// strike undoes enlist. b.mu is held.
func (b *Broker) strike(id identity, s *session) {
	for _, k := range s.keepers {
		if delete(b.users[k], id); len(b.users[k]) == 0 {
			delete(b.users, k)
		}
	}
}
