package status

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
	"github.com/tacit-secrets/tacit/internal/engine/spread"
)

// follower is the row of an object that its maker wants filled from another.
type follower struct {
	row         int
	of          owned
	annotations map[string]string
}

// follow adds a row for an object that follows another in the language. Nobody
// else tells of it: it has no plan, and its source may know nothing of it.
func (r *gathering) follow(a *language, kind string, o *metav1.PartialObjectMetadata, marks *delivery.Marks) {
	m, ok := a.Deliveries.(dialect.Marked)
	if !ok || !marks.Follows(o.Annotations) {
		return
	}
	source, named := m.OwnerOf(&o.ObjectMeta)
	if !named {
		return
	}
	row := newRow(a.name, a.kind, o)
	row.From = []End{{Kind: kind, Namespace: source.Namespace, Name: source.Name}}
	row.To = []End{{Kind: kind, Namespace: o.Namespace, Name: o.Name}}
	r.followers = append(r.followers, follower{len(r.rows), owned{a, kind, source}, o.Annotations})
	r.rows = append(r.rows, row)
}

// source is what is known of an object that others follow.
type source struct {
	plan delivery.Delivery
	err  error
}

// judgeFollowers tells of each whether it is filled, and why not.
func (r *gathering) judgeFollowers(ctx context.Context, namespaces []spread.Namespace) error {
	sources := map[owned]source{}
	for i := range r.followers {
		f := &r.followers[i]
		from, ok := sources[f.of]
		if !ok {
			from = r.source(ctx, f.of)
			sources[f.of] = from
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.judgeFollower(f, &from, namespaces)
	}
	return nil
}

func (r *gathering) source(ctx context.Context, of owned) source {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(of.kind))
	if err := r.Client.Get(ctx, of.owner, obj); err != nil {
		return source{err: err}
	}
	obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(of.kind))
	plan, err := of.lang.Translate(obj)
	return source{plan, err}
}

func (r *gathering) judgeFollower(f *follower, from *source, namespaces []spread.Namespace) {
	row, name := &r.rows[f.row], f.of.kind+" "+f.of.owner.String()
	s := from.plan.Destination.Spread
	row.Ready = False
	switch {
	case apierrors.IsNotFound(from.err):
		row.Message = name + " does not exist"
		return
	case apierrors.ReasonForError(from.err) != metav1.StatusReasonUnknown:
		row.Ready, row.Message = Unknown, name+" cannot be read by you"
		return
	case from.err != nil:
		row.Message = name + ": " + from.err.Error()
		return
	case s == nil || !s.Followers:
		row.Message = name + " does not let others follow it: its own annotations must allow that, and no copy can"
		return
	}
	ns, known := find(namespaces, row.Namespace)
	if !known {
		row.Ready, row.Message = Unknown, "whether "+name+" allows it here depends on namespaces, which you may not list"
		return
	}
	within := r.matcher.Within(s, ns) // which may find out a fault
	switch fault := r.matcher.Fault(s.Within); {
	case fault != nil:
		row.Message = name + ": " + fault.Error()
	case !within:
		row.Message = fmt.Sprintf("%s does not allow namespace %s by its annotation %s", name, row.Namespace, s.Within[0].Field)
	case !filled(&from.plan.Destination.Marks, f.annotations):
		row.Message = "it has not been filled; the events of " + name + " say why"
	default:
		row.Ready, row.LastSuccess = True, when(filledAt(&from.plan.Destination.Marks, f.annotations))
	}
}

func find(namespaces []spread.Namespace, name string) (spread.Namespace, bool) {
	for _, ns := range namespaces {
		if ns.Name == name {
			return ns, true
		}
	}
	return spread.Namespace{}, false
}

// filled reports that a follower bears what a write leaves on it.
func filled(marks *delivery.Marks, annotations map[string]string) bool {
	for name := range marks.Stamps {
		if annotations[name] == "" {
			return false
		}
	}
	return true
}

func filledAt(marks *delivery.Marks, annotations map[string]string) (last time.Time) {
	for name, stamp := range marks.Stamps {
		if t, err := time.Parse(time.RFC3339, annotations[name]); err == nil && stamp == delivery.StampTime {
			last = t
		}
	}
	return last
}

// countFollowers tells in the row of a source how many follow it, and that some
// do in vain though it allows them.
func (r *gathering) countFollowers(s *spreading, namespaces []spread.Namespace) {
	row, dest := &r.rows[s.row], &s.plan.Destination
	if !dest.Spread.Followers || namespaces == nil || len(row.To) == 0 {
		return
	}
	allowed, served := 0, 0
	for _, o := range r.copies[owned{s.lang, kindOf(&s.plan), key(s.plan.Object)}] {
		ns, known := find(namespaces, o.Namespace)
		if !dest.Marks.Follows(o.Annotations) || !known || !r.matcher.Within(dest.Spread, ns) || key(s.plan.Object) == (types.NamespacedName{Namespace: o.Namespace, Name: o.Name}) {
			continue
		}
		allowed++
		if filled(&dest.Marks, o.Annotations) {
			served++
		}
	}
	row.To[0].Followers = served
	if missing := allowed - served; missing > 0 && row.annotated && row.Ready != Unknown {
		why := fmt.Sprintf("%d of %s not filled; the events of the object say why", missing, plural(allowed, "follower"))
		if row.Ready == False {
			why = row.Message + "; " + why
		}
		row.Ready, row.Message = False, why
	}
}
