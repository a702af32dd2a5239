package sealing

import (
	"fmt"
	"slices"
	"time"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// ahead is how long before its time a certificate is sealed for where there is
// no other: clocks differ, and time zones are mistaken.
const ahead = 24 * time.Hour

// Newest is the certificate to seal for: the newest of those that are valid. The
// error is a *delivery.Error that says why there is none.
func (r *Keyring) Newest() (Certificate, error) { return r.toSealFor(false) }

// toSealFor is Newest; a discreet error names no Secret.
func (r *Keyring) toSealFor(discreet bool) (Certificate, error) {
	keys := r.now()
	if newest := keys.newest(r.opts.Now()); newest != nil {
		return *newest.cert, nil
	}
	return Certificate{}, r.unsealable(keys, discreet)
}

// Certificates are what can be sealed for, the newest first: that one is what
// to publish.
func (r *Keyring) Certificates() []Certificate {
	var out []Certificate
	for _, k := range r.now().valid(r.opts.Now()) {
		out = append(out, *k.cert)
	}
	return out
}

// valid are the keys that can be sealed for, the newest first; those whose time
// is about to come are behind all others.
func (r ring) valid(now time.Time) []ringKey {
	var out, soon []ringKey
	for _, k := range r.keys {
		switch {
		case k.cert == nil || k.cert.Expired(now) != nil:
		case !k.cert.NotBefore.After(now):
			out = append(out, k)
		case !k.cert.NotBefore.After(now.Add(ahead)):
			soon = append(soon, k)
		}
	}
	return append(out, soon...)
}

// newest is the key to seal for; nil if there is none.
func (r ring) newest(now time.Time) *ringKey {
	if valid := r.valid(now); len(valid) > 0 {
		return &valid[0]
	}
	return nil
}

// skew is by how much the clocks of replicas may differ: far more than they do.
const skew = 10 * time.Minute

// latest is the newest key for who would make another: one that a replica has
// made just now counts, though by the clock here its time is still to come.
func (r ring) latest(now time.Time) *ringKey {
	i := slices.IndexFunc(r.keys, func(k ringKey) bool {
		return k.cert != nil && k.cert.Expired(now) == nil && !k.cert.NotBefore.After(now.Add(skew))
	})
	if i < 0 {
		return nil
	}
	return &r.keys[i]
}

// certified is the newest key with a certificate, valid or not; nil if there is
// none.
func (r ring) certified() *ringKey {
	if i := slices.IndexFunc(r.keys, func(k ringKey) bool { return k.cert != nil }); i >= 0 {
		return &r.keys[i]
	}
	return nil
}

// newestOf is the key that was sealed for at a time, as far as is known; none
// for the zero time.
func (r ring) newestOf(at time.Time) KeyID {
	if i := slices.IndexFunc(r.keys, func(k ringKey) bool { return !k.since.After(at) }); i >= 0 {
		return r.keys[i].ID
	}
	return KeyID{}
}

// untimely are the keys that would be sealed for if their certificates were
// valid now: what somebody may wonder about.
func (r ring) untimely(now time.Time) []Fault {
	var out []Fault
	newest := r.newest(now)
	for _, k := range r.keys {
		if newest != nil && k.ID == newest.ID {
			break
		}
		if k.cert == nil {
			continue // it has a fault already
		}
		out = append(out, k.fault("it %s. The key opens what was sealed for it; nothing new is sealed for it", k.cert.untimely(now)))
	}
	return out
}

// untimely says why nothing is sealed for the certificate now.
func (c *Certificate) untimely(now time.Time) string {
	if c.Expired(now) != nil {
		return "expired on " + c.NotAfter.UTC().Format(time.DateOnly)
	}
	return "is valid only from " + c.NotBefore.UTC().Format(time.RFC3339)
}

// unsealable is why there is nothing to seal for.
func (r *Keyring) unsealable(keys ring, discreet bool) error {
	if !keys.loaded {
		return r.unloaded(nil)
	}
	e := &delivery.Error{Kind: delivery.Unavailable}
	newest := keys.certified()
	switch {
	case newest != nil:
		which := ", of Secret " + newest.secret + ","
		if discreet {
			which = ""
		}
		e.Message = fmt.Sprintf("there is no key to seal for: the newest certificate%s %s; %s", which, newest.cert.untimely(r.opts.Now()), r.wayOut())
	case r.opts.Backup:
		e.Message = "there is no key in the backup that can be sealed for"
	default:
		e.Message = "there is no key to seal for yet: the operator makes one within moments, if it may create Secrets in namespace " + r.opts.Namespace
	}
	return e
}

// wayOut is what has a cluster seal again whose certificates are not valid.
func (r *Keyring) wayOut() string {
	switch {
	case r.opts.Backup:
		return "make a backup of the keys that the cluster has now"
	case r.opts.Renew < 0:
		return "let the operator make another key (--sealed-key-renew-period), or add one"
	}
	return "the operator makes another key within the hour, if it may create Secrets in namespace " + r.opts.Namespace
}
