package sealing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// maxFailures is how many entries may fail before the others are left alone: a
// hopeless object must not cost a decryption for each entry and key.
const maxFailures = 3

// Open opens all entries, or none. Its error is a *delivery.Error that names
// those which fail and why, or that of ctx. Other keys may mend it; Changed
// tells when there are others.
func (r *Keyring) Open(ctx context.Context, s delivery.Sealed) (secret.Data, error) {
	data, _, err := r.Unseal(ctx, s)
	return data, err
}

// Unseal is Open, and names the key that opened the last entry: as a hint
// (delivery.Sealed.Key) it is tried first.
func (r *Keyring) Unseal(ctx context.Context, s delivery.Sealed) (data secret.Data, key string, err error) {
	o, err := r.opener(ctx, &s)
	if err != nil {
		return nil, "", err
	}
	if data, err = o.data(); err != nil || len(data) == 0 {
		return data, "", err
	}
	return data, o.last.String(), nil
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
	out := make(map[string]string, len(s.Entries))
	err = o.each(func(entry, ciphertext string) error {
		// Opened first for the words of its error, and to know the key.
		_, id, err := o.open(ciphertext)
		if err != nil {
			return err
		}
		out[entry], err = Reseal(random, o.order(id), newest, s.Label(), ciphertext)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// opener opens the entries of one object with the keys of one time.
type opener struct {
	// stop is asked before each of the decryptions that take long.
	stop   func() error
	ring   ring
	sealed *delivery.Sealed
	memory *memory
	// backup: the keys are those of one. where is their namespace.
	backup bool
	where  string
	// last is the key that fitted the entry before, or the object's last time:
	// its entries are mostly sealed at once.
	last KeyID
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
	return &opener{stop: ctx.Err, ring: now, sealed: s, memory: &r.memory, backup: r.opts.Backup, where: r.opts.Namespace, last: parseKeyID(s.Key)}, nil
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

// each runs do for every entry and makes one error of those that fail.
func (o *opener) each(do func(entry, ciphertext string) error) error {
	var failed []string
	var first error
	found := false
	kind := delivery.Malformed
	for _, entry := range slices.Sorted(maps.Keys(o.sealed.Entries)) {
		err := do(entry, o.sealed.Entries[entry])
		switch {
		case err == nil:
			continue
		case !told(err):
			return err
		case first == nil:
			first = err
		}
		if errors.Is(err, ErrNoKey) {
			kind = delivery.Refused
		}
		found = found || errors.Is(err, errFound)
		failed = append(failed, fmt.Sprintf("%s: %v", quote(entry), err))
		if len(failed) == maxFailures && len(o.sealed.Entries) > maxFailures {
			failed = append(failed, "perhaps others too")
			break
		}
	}
	if first == nil {
		return nil
	}
	if kind == delivery.Refused && !found {
		failed = append(failed, o.suspects()...)
	}
	return &delivery.Error{Kind: kind, Err: first, Message: "cannot be opened: " + strings.Join(failed, "; ")}
}

// maxSuspects is how many broken keys are named to who misses one.
const maxSuspects = 3

// suspects tells of the broken keys whom no other key serves: it may need one.
func (o *opener) suspects() []string {
	var names []string
	var last Fault
	for _, f := range o.ring.faults {
		if !f.Opens {
			names, last = append(names, f.Secret), f
		}
	}
	which := last.String()
	switch n := len(names); {
	case n == 0:
		return nil
	case n > maxSuspects:
		which = fmt.Sprintf("Secrets %s and %d more", strings.Join(names[:maxSuspects], ", "), n-maxSuspects)
	case n > 1:
		which = fmt.Sprintf("Secrets %s and %s", strings.Join(names[:n-1], ", "), names[n-1])
	}
	return []string{fmt.Sprintf("it may need a key that is broken, in namespace %s: %s", o.where, which)}
}

// told reports that the error tells about the ciphertext. Another is that of a
// context which ended.
func told(err error) bool {
	var f *fault
	return errors.As(err, &f)
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
// known to fit, the one that fitted the entry before, the one that fitted last
// of all, the newest of when the object was made, and the others from the newest.
func (o *opener) order(known KeyID) []Key {
	out := make([]Key, 0, len(o.ring.keys))
	add := func(fits func(KeyID) bool) {
		for _, k := range o.ring.keys {
			if fits(k.ID) && !slices.ContainsFunc(out, func(o Key) bool { return o.ID == k.ID }) {
				out = append(out, k.Key)
			}
		}
	}
	for _, id := range []KeyID{known, o.last, o.memory.latest(), o.ring.newestOf(o.sealed.Made)} {
		add(func(k KeyID) bool { return k == id })
	}
	add(func(KeyID) bool { return true })
	return out
}
