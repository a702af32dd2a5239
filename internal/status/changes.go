package status

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// changes are when Secrets and ConfigMaps were written last by who wrote their
// data. Who writes them now only if something differs changed something then.
type changes map[delivery.ObjectRef]time.Time

// note remembers when the object's data was written: the API server keeps the
// time for each who owns some of it.
func (c changes) note(kind string, o *metav1.PartialObjectMetadata) {
	var last time.Time
	for _, m := range o.ManagedFields {
		if m.Time == nil || m.FieldsV1 == nil || !m.Time.After(last) {
			continue
		}
		for _, field := range []string{`"f:data":{`, `"f:binaryData":{`} {
			if strings.Contains(m.FieldsV1.GetRawString(), field) {
				last = m.Time.Time
			}
		}
	}
	if !last.IsZero() {
		c[delivery.ObjectRef{Kind: kind, Namespace: o.Namespace, Name: o.Name}] = last
	}
}

// tellChanges fills in when what each row delivers was written last: to the one
// place that it has, or to the copies that are seen.
func (r *gathering) tellChanges() {
	for i := range r.rows {
		for _, to := range r.rows[i].To {
			r.rows[i].changed(r.changes[delivery.ObjectRef{Kind: to.Kind, Namespace: to.Namespace, Name: to.Name}])
		}
	}
	for i := range r.spreading {
		s := &r.spreading[i]
		kind := kindOf(&s.plan)
		for _, o := range r.copies[owned{s.lang, kind, key(s.plan.Object)}] {
			r.rows[s.row].changed(r.changes[delivery.ObjectRef{Kind: kind, Namespace: o.Namespace, Name: o.Name}])
		}
	}
}

// changed takes the time if none is later.
func (r *Row) changed(at time.Time) {
	if r.LastChange == nil || at.After(*r.LastChange) {
		r.LastChange = when(at)
	}
}
