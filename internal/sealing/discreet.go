package sealing

import (
	"context"
	"io"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Discreet opens with the keys of a ring for whom nobody knows. Its errors tell
// of what was asked about, and not which keys there are, how many, and which of
// them are broken or out of use; that is for who may read the objects, whose
// conditions say so.
type Discreet struct{ ring *Keyring }

// Discreet is the ring for whom nobody knows.
func (r *Keyring) Discreet() Discreet { return Discreet{r} }

// Newest is Keyring.Newest.
func (d Discreet) Newest() (Certificate, error) { return d.ring.toSealFor(true) }

// Open is Keyring.Open.
func (d Discreet) Open(ctx context.Context, s delivery.Sealed) (secret.Data, error) {
	o, err := d.opener(ctx, &s)
	if err != nil {
		return nil, err
	}
	return o.data()
}

// Reseal is Keyring.Reseal.
func (d Discreet) Reseal(ctx context.Context, random io.Reader, s delivery.Sealed) (map[string]string, error) {
	o, err := d.opener(ctx, &s)
	if err != nil {
		return nil, err
	}
	newest, err := d.Newest()
	if err != nil {
		return nil, err
	}
	return o.reseal(random, newest)
}

func (d Discreet) opener(ctx context.Context, s *delivery.Sealed) (*opener, error) {
	o, err := d.ring.opener(ctx, s)
	if err == nil {
		o.discreet = true
	}
	return o, err
}
