package engine

import (
	"context"
	"testing"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// renewing is a store that answers renewals.
type renewing struct {
	Stores
	granted delivery.Lease
	err     error
}

func (s renewing) Renew(context.Context, delivery.StoreRef, delivery.Lease) (delivery.Lease, error) {
	return s.granted, s.err
}

func TestWhatIsLeftOfALease(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	in := now.Add
	refused := &backend.Error{Kind: backend.Refused}
	for name, c := range map[string]struct {
		held    delivery.Lease
		granted time.Duration
		err     error
		kept    bool
		want    time.Duration // that it lasts from then on
	}{
		"renewed": {
			held:    delivery.Lease{Duration: time.Hour, Renewed: in(-20 * time.Minute)},
			granted: time.Hour, kept: true, want: time.Hour,
		},
		"renewed for less": {
			held:    delivery.Lease{Duration: time.Hour, Renewed: in(-20 * time.Minute)},
			granted: 30 * time.Minute, kept: true, want: time.Hour,
		},
		"renewed for too little": {
			held:    delivery.Lease{Duration: time.Hour, Renewed: in(-20 * time.Minute)},
			granted: 29 * time.Minute,
		},
		"renewed for more": {
			held:    delivery.Lease{Duration: 10 * time.Minute, Renewed: in(-3 * time.Minute), Until: in(7 * time.Minute)},
			granted: time.Hour, kept: true, want: time.Hour,
		},
		"refused in the first half": {
			held: delivery.Lease{Duration: time.Hour, Renewed: in(-20 * time.Minute), Until: in(40 * time.Minute)},
			err:  refused, kept: true, want: time.Hour,
		},
		"refused near its token's end": {
			held: delivery.Lease{Duration: time.Hour, Renewed: in(-20 * time.Minute), Until: in(20 * time.Minute)},
			err:  refused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.held.ID = "lease"
			granted := delivery.Lease{ID: "lease", Duration: c.granted, Until: in(2 * time.Hour)}
			r := &run{Engine: &Engine{Now: func() time.Time { return now }}, job: Job{
				Plan: &delivery.Delivery{
					Leases: &delivery.Leases{Held: c.held}, Sources: make([]delivery.Source, 1),
				},
				Stores: renewing{granted: granted, err: c.err},
			}}
			_, kept, err := r.keep(t.Context())
			if err != nil || kept != c.kept || r.out.Lease.Held.Duration != c.want {
				t.Errorf("kept %v for %v, %v; want %v for %v", kept, r.out.Lease.Held.Duration, err, c.kept, c.want)
			}
			if c.kept && c.err == nil && (!r.out.Lease.Held.Renewed.Equal(now) || r.out.Lease.Held.Until != granted.Until) {
				t.Errorf("it holds %+v", r.out.Lease.Held)
			}
		})
	}
}
