package delivery

import "time"

// Leases is how an object keeps what a store issues to it for a time.
type Leases struct {
	// Held is the lease that the object's status records; zero if none.
	Held Lease
}

// Lease is what a store gave for a time.
type Lease struct {
	// ID is how the store knows it. It is no secret.
	ID string
	// Duration is how long it lasts from Renewed on.
	Duration  time.Duration
	Renewable bool
	// Renewed is when it was given or last renewed; zero if not known.
	Renewed time.Time
	// Until is when it ends however often it is renewed, because that ends which
	// it hangs on, such as a login; zero if not known. It may be put off.
	Until time.Time
}

// Lent is the annotation with our digest of what a lease is for, keyed, on the
// objects that hold it.
const Lent = "tacit.dev/lent"

// IsZero reports that there is no lease.
func (l Lease) IsZero() bool { return l.ID == "" }

// LeaseChange is what a run did about a lease.
type LeaseChange string

// The changes of a lease.
const (
	LeaseKept    LeaseChange = ""
	LeaseIssued  LeaseChange = "Issued"
	LeaseRenewed LeaseChange = "Renewed"
	LeaseRevoked LeaseChange = "Revoked"
	// LeaseLeft: the object is gone, and the lease ends by itself.
	LeaseLeft LeaseChange = "Left"
)
