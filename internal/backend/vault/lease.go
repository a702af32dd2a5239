package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/backend/wire"
	"github.com/tacit-secrets/tacit/internal/delivery"
)

// maxLeaseID is how much of a lease's name is shown.
const maxLeaseID = 200

// Renew implements backend.Leaser. Any session may renew a lease that its
// policies allow, whichever took it out; but it ends with the token that did.
func (s *store) Renew(ctx context.Context, lease delivery.Lease) (delivery.Lease, error) {
	c, err := leaseCall("renew", lease.ID)
	if err != nil {
		return delivery.Lease{}, err
	}
	if n := int64(s.session.whole(lease) / time.Second); n > 0 {
		c.body["increment"] = n
	}
	a, err := s.ask(ctx, c)
	if err != nil {
		return delivery.Lease{}, err
	}
	granted, err := a.granted(lease.ID)
	if err != nil {
		if backend.KindOf(err) == backend.NotFound {
			s.session.ended(lease.ID)
		}
		return delivery.Lease{}, err
	}
	return s.session.prolong(ctx, lease, granted), nil
}

// granted reads the answer to a renewal.
func (a answer) granted(id string) (delivery.Lease, error) {
	switch {
	case a.ended():
		return delivery.Lease{}, a.notFound("it has ended")
	case a.status == http.StatusBadRequest && strings.Contains(a.words, "lease is not renewable"):
		return delivery.Lease{}, a.failure(backend.Unsupported)
	case !a.ok():
		return delivery.Lease{}, a.failure(a.kind())
	}
	var shape struct {
		LeaseID   string `json:"lease_id"`
		Duration  *int64 `json:"lease_duration"`
		Renewable bool   `json:"renewable"`
	}
	if json.Unmarshal(a.body, &shape) != nil || shape.LeaseID != id || shape.Duration == nil {
		return delivery.Lease{}, a.malformed("the answer is not about that lease")
	}
	if *shape.Duration <= 0 {
		// Less than a second is left of the longest time.
		return delivery.Lease{}, a.notFound("it is at its end")
	}
	return delivery.Lease{ID: id, Duration: seconds(*shape.Duration), Renewable: shape.Renewable}, nil
}

// Revoke implements backend.Leaser. Vault takes the order and tries until it
// is done, so that a database which is down does not hold anybody up.
func (s *store) Revoke(ctx context.Context, id string) error {
	c, err := leaseCall("revoke", id)
	if err != nil {
		return err
	}
	a, err := s.ask(ctx, c)
	switch {
	case err != nil:
	case a.ended(), a.status == http.StatusAccepted:
	case !a.ok():
		err = a.failure(a.kind())
	default:
		err = a.done()
	}
	if err == nil {
		s.session.ended(id)
	}
	return err
}

func leaseCall(verb, id string) (call, error) {
	if id == "" {
		return call{}, misconfigured("there is no lease to " + verb)
	}
	return call{
		does:   verb + ` the lease "` + wire.Words(id, maxLeaseID) + `"`,
		method: http.MethodPut, path: "sys/leases/" + verb,
		body: map[string]any{"lease_id": id},
	}, nil
}

// ended reports that Vault says that a lease is no more.
func (a answer) ended() bool {
	if a.status != http.StatusBadRequest || !a.vaults {
		return false
	}
	for _, phrase := range []string{"lease not found", "lease expired", "lease is expired", "past the max TTL"} {
		if strings.Contains(a.words, phrase) {
			return true
		}
	}
	return false
}
