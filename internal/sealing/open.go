package sealing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Open opens all entries, or none. Its error is a *delivery.Error that names
// those which fail and why, or that of ctx. Other keys may mend it; Changed
// tells when there are others.
func (r *Keyring) Open(ctx context.Context, s delivery.Sealed) (secret.Data, error) {
	data, _, err := r.Unseal(ctx, s)
	return data, err
}

// Unseal is Open, and names the oldest of the keys that opened an entry: without
// it not all would open, but for an entry that names another one too. As a hint
// (delivery.Sealed.Key) it is tried before others.
func (r *Keyring) Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error) {
	return r.UnsealInTurns(ctx, s, nil)
}

// Turn waits until it is the caller's, who calls done at its end. Its error is
// that of ctx.
type Turn func(ctx context.Context) (done func(), err error)

// UnsealInTurns is Unseal in turns of a few entries each, so that an object of
// many does not keep others waiting.
func (r *Keyring) UnsealInTurns(ctx context.Context, s delivery.Sealed, turn Turn) (data secret.Data, key string, err error) {
	o, err := r.opener(ctx, &s)
	if err != nil {
		return nil, "", err
	}
	if turn != nil {
		o.turn = func() (func(), error) { return turn(ctx) }
	}
	if data, err = o.data(); err != nil || len(data) == 0 {
		return data, "", err
	}
	return data, o.ring.keys[o.oldest].ID.String(), nil
}

// Reseal makes the newest key one that opens every entry, see the function of
// that name. It returns all entries. The error is as for Open.
func (r *Keyring) Reseal(ctx context.Context, random io.Reader, s delivery.Sealed) (map[string]string, error) {
	o, err := r.opener(ctx, &s)
	if err != nil {
		return nil, err
	}
	newest, err := r.Newest()
	if err != nil {
		return nil, err
	}
	return o.reseal(random, newest)
}

// opener opens the entries of one object with the keys of one time.
type opener struct {
	// stop is asked before each of the decryptions that take long, and turn
	// before a few entries.
	stop   func() error
	turn   func() (done func(), err error)
	ring   ring
	sealed *delivery.Sealed
	memory *memory
	// backup: the keys are those of one. where is their namespace. discreet: see
	// Discreet.
	backup   bool
	where    string
	discreet bool
	// last is the key that fitted the entry before, and hint one that opened the
	// object its last time: its entries are mostly sealed at once, or some of them
	// long before the others.
	last, hint KeyID
	// oldest is the place in the ring of the oldest key that opened an entry.
	oldest int
	// probed: it was looked whether another scope fits, which is not done for
	// each entry that fails. scope is the one that was found.
	probed bool
	scope  delivery.SealScope
}

func (r *Keyring) opener(ctx context.Context, s *delivery.Sealed) (*opener, error) {
	now := r.now()
	switch {
	case !now.loaded:
		return nil, r.unloaded(nil)
	case len(s.Entries) > MaxEntries:
		return nil, &delivery.Error{Kind: delivery.Malformed, Err: ErrTooLarge,
			Message: fmt.Sprintf("it has %d entries: %d are the most; divide them among several SealedSecrets", len(s.Entries), MaxEntries)}
	}
	return &opener{
		stop: ctx.Err, turn: func() (func(), error) { return func() {}, nil },
		ring: now, sealed: s, memory: &r.memory, backup: r.opts.Backup, where: r.opts.Namespace, hint: parseKeyID(s.Key),
	}, nil
}

func (o *opener) data() (secret.Data, error) {
	data := make(secret.Data, len(o.sealed.Entries))
	err := o.each(func(entry, ciphertext string) error {
		v, _, err := o.open(ciphertext)
		data[entry] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// reseal makes newest a key that opens every entry.
func (o *opener) reseal(random io.Reader, newest Certificate) (map[string]string, error) {
	out := make(map[string]string, len(o.sealed.Entries))
	err := o.each(func(entry, ciphertext string) error {
		// Opened first for the words of its error, and to know the key.
		_, id, err := o.open(ciphertext)
		if err != nil {
			return err
		}
		out[entry], err = Reseal(random, o.order(id), newest, o.sealed.Label(), ciphertext)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// open opens one entry.
func (o *opener) open(ciphertext string) (secret.Value, KeyID, error) {
	of := markOf(o.sealed, ciphertext)
	known, ok := o.memory.get(of)
	if ok && known.err != nil && known.turn == o.ring.turn {
		return secret.Value{}, KeyID{}, known.err
	}
	v, id, err := open(o.order(known.id), o.sealed.Label(), ciphertext, o.stop)
	switch {
	case err == nil:
		o.last = id
		o.oldest = max(o.oldest, slices.IndexFunc(o.ring.keys, func(k ringKey) bool { return k.ID == id }))
		o.memory.fitted(of, id)
		return v, id, nil
	case !told(err):
		return secret.Value{}, id, err
	case errors.Is(err, ErrNoKey):
		if err = o.explain(ciphertext, err); !told(err) {
			return secret.Value{}, id, err
		}
	}
	o.memory.failed(of, err, o.ring.turn)
	return secret.Value{}, id, err
}

// order is the keys in the order in which they are tried: the one that is
// known to fit, the one that fitted the entry before, the one that the object
// names, the one that fitted last of all, the newest of when the object was made,
// and the others from the newest.
func (o *opener) order(known KeyID) []Key {
	out := make([]Key, 0, len(o.ring.keys))
	add := func(fits func(KeyID) bool) {
		for _, k := range o.ring.keys {
			if fits(k.ID) && !slices.ContainsFunc(out, func(o Key) bool { return o.ID == k.ID }) {
				out = append(out, k.Key)
			}
		}
	}
	for _, id := range []KeyID{known, o.last, o.hint, o.memory.latest(), o.ring.newestOf(o.sealed.Made)} {
		add(func(k KeyID) bool { return k == id })
	}
	add(func(KeyID) bool { return true })
	return out
}
