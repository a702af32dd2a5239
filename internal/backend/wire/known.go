package wire

import (
	"slices"
	"sync"
)

// maxKnown is how many credentials are remembered: older ones, those of the
// log-in before the last, are no longer in any answer.
const maxKnown = 12

// Known remembers the latest credentials of a session, for Words to hide. The
// zero Known is empty. It may be used by many at once.
type Known struct {
	mu  sync.Mutex
	all []string
}

// Add remembers secrets.
func (k *Known) Add(secrets ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, secret := range secrets {
		if !slices.Contains(k.all, secret) {
			k.all = append(k.all, secret)
		}
	}
	if n := len(k.all) - maxKnown; n > 0 {
		k.all = slices.Clone(k.all[n:])
	}
}

// All are those that are remembered.
func (k *Known) All() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.all)
}
