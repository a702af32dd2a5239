package sealedsecrets

import (
	"fmt"
	"strconv"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/dialect"
)

// fieldManager is under whose name Secrets are written. It is not the
// original's, "controller", which other programs have too: what those added to
// a Secret that is only patched would pass for ours.
const fieldManager = annotations + "tacit"

// destination is the Secret of the same name, with what its template says.
func destination(ss *v1alpha1.SealedSecret, owner delivery.Object) delivery.Destination {
	t := &ss.Spec.Template
	d := delivery.Destination{
		Namespace: ss.Namespace,
		Name:      ss.Name,
		Creation:  delivery.Owner,
		// A manifest without values wants a Secret without values: nothing is
		// missing that it might have.
		Deletion:     delivery.DeleteKeys,
		Immutable:    t.Immutable != nil && *t.Immutable,
		Type:         t.Type,
		Marks:        delivery.Marks{Makers: []string{"controller"}},
		Yield:        &delivery.Yield{Managed: managed, Patch: patched, Unowned: unowned},
		Owner:        owner,
		FieldManager: fieldManager,
	}
	if m := t.Metadata; m != nil {
		d.Labels, d.Annotations, d.Finalizers = m.Labels, m.Annotations, m.Finalizers
	}
	if d.Annotations[unowned] == yes {
		d.Creation = delivery.Orphan
	}
	return d
}

// warnings are about what the template says in vain. The metadata of most
// templates are copied from a Secret, and repeat its name.
func warnings(ss *v1alpha1.SealedSecret) []string {
	m := ss.Spec.Template.Metadata
	if m == nil {
		return nil
	}
	var out []string
	for _, c := range []struct{ field, says, is string }{
		{"name", m.Name, ss.Name}, {"namespace", m.Namespace, ss.Namespace},
	} {
		if c.says != "" && c.says != c.is {
			out = append(out, fmt.Sprintf("spec.template.metadata.%s: %s has no effect, for the Secret has that of the SealedSecret", c.field, dialect.Quote(c.says)))
		}
	}
	return out
}

// schedule has the object run when it changes, when its Secret does, and once
// after a start: nothing tells what happened to the Secret meanwhile. The scope
// is part of the manifest, though it does not count as a generation.
func schedule(ss *v1alpha1.SealedSecret) delivery.Schedule {
	s := delivery.Schedule{
		Policy:      delivery.Watched,
		Fingerprint: strconv.FormatInt(ss.Generation, 10) + "/" + string(scope(ss)),
	}
	if c := dialect.FindCondition(ss.Status.Conditions, syncedCondition, shown); c != nil {
		s.Failing = c.Status != statusTrue
		s.Current = !s.Failing && ss.Status.ObservedGeneration == ss.Generation
	}
	return s
}
