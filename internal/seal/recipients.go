package seal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/tacit-secrets/tacit/internal/sealing"
)

// recipients are whom the values of an object are for.
type recipients struct {
	// named are the keys that the values name; one says that some are of the
	// form that names none.
	named []sealing.KeyID
	one   bool
	// malformed says of which values nobody knows it, and why.
	malformed []string
}

// recipients leaves out the value that is replaced, unless it is the only one.
func (o *Object) recipients(but string) *recipients {
	out := &recipients{}
	for _, key := range slices.Sorted(maps.Keys(o.Spec.EncryptedData)) {
		if key == but && len(o.Spec.EncryptedData) > 1 {
			continue
		}
		of, err := sealing.Names(o.Spec.EncryptedData[key])
		switch {
		case err != nil && key == but: // about to be mended
		case err != nil:
			out.malformed = append(out.malformed, fmt.Sprintf("key %q is malformed, and stays so: %v", key, err))
		default:
			out.one = out.one || len(of) == 0
			out.named = append(out.named, of...)
		}
	}
	out.named = sorted(out.named)
	return out
}

// same refuses certificates with which the object would open in other clusters
// than it does: in fewer, or half of it in more.
func (r *recipients) same(to []sealing.Certificate) error {
	var given []sealing.KeyID
	for i := range to {
		given = append(given, to[i].ID)
	}
	given = sorted(given)
	const wayOut = "give the same certificates, or say --change-recipients (a cluster that has a new key since: tacit seal rotate first)"
	switch {
	case r.one && len(given) > 1:
		return fmt.Errorf("its other values are for one cluster in the form of Sealed Secrets, and %d certificates are given: %s", len(given), wayOut)
	case len(r.named) == 0:
		return nil
	}
	missing, added := without(r.named, given), without(given, r.named)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("it is sealed for %d clusters, and of their certificates these are not given: %s; without them it would not open there any more: %s", len(r.named), ids(missing), wayOut)
	case len(added) > 0:
		return fmt.Errorf("its other values are not sealed for %s, so that it would not open there: %s", ids(added), wayOut)
	}
	return nil
}

// sorted are the IDs, each once.
func sorted(of []sealing.KeyID) []sealing.KeyID {
	of = slices.SortedFunc(slices.Values(of), func(a, b sealing.KeyID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(of)
}

// without are the IDs that the others do not have.
func without(of, others []sealing.KeyID) []sealing.KeyID {
	return slices.DeleteFunc(slices.Clone(of), func(id sealing.KeyID) bool { return slices.Contains(others, id) })
}
