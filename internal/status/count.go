package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// count fills in how many copies a row has, and, where its language has no
// status, whether those are all.
func (r *gathering) count(s *spreading, namespaces []spread.Namespace) {
	row, dest := &r.rows[s.row], &s.plan.Destination
	if len(row.To) == 0 {
		return
	}
	there := tally(r.copies[owned{s.lang, kindOf(&s.plan), key(s.plan.Object)}], dest)
	n := len(there.in)
	row.To[0].Copies, row.To[0].Followers = &n, there.followers
	if namespaces == nil {
		return
	}
	var missing []string
	wanted := 0
	for _, ns := range namespaces {
		if ns.Name == s.plan.Object.Namespace || !r.matcher.Wants(dest.Spread, ns) {
			continue
		}
		_, ok := there.in[ns.Name]
		if !ok && slices.Contains(r.Protected, ns.Name) {
			continue
		}
		wanted++
		if !ok {
			missing = append(missing, ns.Name)
		}
	}
	have := wanted - len(missing)
	row.To[0].Copies, row.To[0].Wanted = &have, &wanted
	if !row.annotated {
		return
	}
	for _, rules := range [][]delivery.NamespaceRule{dest.Spread.Into, dest.Spread.Within} {
		if err := r.matcher.Fault(rules); err != nil {
			row.Ready, row.Message = False, err.Error()
			return
		}
	}
	row.judge(missing, there.newest(dest.Marks.Stamps))
}

// judge tells by the copies whether an object without a status is well.
func (r *Row) judge(missing []string, last time.Time) {
	r.LastSuccess = when(last)
	if len(missing) == 0 {
		r.Ready = True
		return
	}
	const named = 3
	r.Ready = False
	r.Message = "no copy in " + strings.Join(missing[:min(named, len(missing))], ", ")
	if more := len(missing) - named; more > 0 {
		r.Message += fmt.Sprintf(" and %s more", plural(more, "namespace"))
	}
	r.Message += "; the events of the object say why"
}

// newest is when the last of the copies was written.
func (c *copied) newest(stamps map[string]delivery.Stamp) time.Time {
	var last time.Time
	for name, stamp := range stamps {
		if stamp != delivery.StampTime {
			continue
		}
		for _, annotations := range c.in {
			if t, err := time.Parse(time.RFC3339, annotations[name]); err == nil && t.After(last) {
				last = t
			}
		}
	}
	return last
}

// copied is what there is of an object elsewhere: the annotations of its
// copies, which tell when each was made, by namespace, and how many others
// were made by hand and ask to be filled from it.
type copied struct {
	in        map[string]map[string]string
	followers int
}

func tally(there []*metav1.ObjectMeta, dest *delivery.Destination) copied {
	c := copied{in: map[string]map[string]string{}}
	for _, o := range there {
		switch {
		case dest.Marks.Follows(o.Annotations):
			c.followers++
		case o.Name == dest.Name:
			c.in[o.Namespace] = o.Annotations
		}
	}
	return c
}

// key is the name of the object that a plan was made of.
func key(o delivery.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}
