package sealing

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// probedKeys is how many keys are tried for another scope, once an object, and
// how many of those out of use: it is a help, and must not cost much.
const probedKeys = 3

// explain says what may be the matter with an entry that no key opens.
func (o *opener) explain(ciphertext string, err error) error {
	s := o.sealed
	retired, stopped := o.retired(ciphertext)
	switch {
	case stopped != nil:
		return stopped
	case retired != nil:
		return outOfUse(retired)
	case len(o.ring.keys) == 0:
		return faulty(ErrNoKey, "this cluster has no key to open it with: restore the keys from a backup")
	case errors.Is(err, errOtherKeys) && o.backup:
		return faulty(ErrNoKey, "%v in the backup: it was sealed for other clusters, or after the backup was made", err)
	case errors.Is(err, errOtherKeys):
		return faulty(ErrNoKey, "%v in this cluster: seal it for this cluster's certificate too", err)
	}
	scope, failed := o.otherScope(ciphertext)
	switch {
	case failed != nil:
		return failed
	case scope != "":
		return faulty(errFound, "it was sealed %s, and the object says %s: seal it again, or let the object say the same", scope, s.Scope)
	}
	return o.elsewhere(err)
}

// elsewhere is what can be said of an entry if nothing was found out.
func (o *opener) elsewhere(err error) error {
	s := o.sealed
	elsewhere := map[delivery.SealScope]string{
		delivery.SealStrict:    "for another namespace or name than " + s.Namespace + "/" + s.Name,
		delivery.SealNamespace: "for another namespace than " + s.Namespace + ", or for one name in it",
		delivery.SealCluster:   "for one namespace",
	}[s.Scope]
	switch {
	case errors.Is(err, errOtherLabel) && o.backup:
		return faulty(errFound, "it was sealed for a key of the backup, but %s", elsewhere)
	case errors.Is(err, errOtherLabel):
		return faulty(errFound, "it was sealed for this cluster, but %s", elsewhere)
	case o.backup:
		return faulty(ErrNoKey, "none of the backup's keys (%d) opens it: it was sealed for another cluster, or after the backup was made, or %s", len(o.ring.keys), elsewhere)
	}
	const says = "none of this cluster's keys%s opens it: it was sealed for another cluster, or %s"
	return &fault{ErrNoKey, fmt.Sprintf(says, fmt.Sprintf(" (%d)", len(o.ring.keys)), elsewhere), fmt.Sprintf(says, "", elsewhere)}
}

func outOfUse(k *ringKey) error {
	const says = "it was sealed for a key that is out of use%s; seal it again, for the newest key"
	which := fmt.Sprintf(": Secret %s is labelled %q", k.secret, k.label)
	return &fault{errFound, fmt.Sprintf(says, which), fmt.Sprintf(says, "")}
}

// retired finds the key out of use that the entry was sealed for; nil if it is
// none of the newest. What it opens is dropped.
func (o *opener) retired(ciphertext string) (*ringKey, error) {
	retired := o.ring.retired
	retired = retired[:min(len(retired), probedKeys)]
	if len(retired) == 0 {
		return nil, nil
	}
	var keys []Key
	for _, k := range retired {
		keys = append(keys, k.Key)
	}
	_, id, err := open(keys, o.sealed.Label(), ciphertext, o.stop)
	switch {
	case err == nil || errors.Is(err, ErrDamaged):
		i := slices.IndexFunc(retired, func(k ringKey) bool { return k.ID == id })
		return &retired[max(i, 0)], nil
	case !told(err):
		return nil, err
	}
	return nil, nil
}

// otherScope is the scope that the entry was sealed for, if it is another than
// the object's. All are tried for one entry; what was found then is the only
// one for the others, which were mostly sealed at once.
func (o *opener) otherScope(ciphertext string) (delivery.SealScope, error) {
	try := []delivery.SealScope{o.scope}
	if !o.probed {
		o.probed = true
		try = []delivery.SealScope{delivery.SealStrict, delivery.SealNamespace, delivery.SealCluster}
	}
	found, err := o.probe(ciphertext, try)
	if found != "" {
		o.scope = found
	}
	return found, err
}

// probe finds which scope the entry was sealed for. It tells nobody more than
// they could find out by changing the annotation.
func (o *opener) probe(ciphertext string, scopes []delivery.SealScope) (delivery.SealScope, error) {
	keys := o.order(KeyID{})
	keys = keys[:min(len(keys), probedKeys)]
	for _, scope := range scopes {
		other := *o.sealed
		other.Scope = scope
		if scope == "" || other.Label() == o.sealed.Label() {
			continue
		}
		_, _, err := open(keys, other.Label(), ciphertext, o.stop)
		switch {
		case err == nil || errors.Is(err, ErrDamaged):
			return scope, nil
		case !told(err):
			return "", err
		}
	}
	return "", nil
}

// maxQuote bounds what is quoted of a manifest: it is a hint, not a copy.
const maxQuote = 80

// quote quotes the name of an entry.
func quote(name string) string {
	if len(name) > maxQuote {
		name = strings.ToValidUTF8(name[:maxQuote], "") + fmt.Sprintf("… (%d bytes)", len(name))
	}
	return strconv.Quote(name)
}
