package seal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Verdict is what was found of one object.
type Verdict struct {
	// Problem is why it will not serve; nil if nothing speaks against it.
	Problem error
	// Notes are what is worth a look.
	Notes []string
}

// Verify looks whether an object is well formed and, if by is given, whether
// it opens. namespace is that of objects which name none. The error is one of
// asking, not of the object.
func Verify(ctx context.Context, o *Object, namespace string, by Opener) (Verdict, error) {
	if o.template() {
		return Verdict{Problem: ErrTemplate}, nil
	}
	placed := o.placed(namespace)
	notes, problem := wellFormed(placed)
	if problem == nil && by != nil {
		if problem = by.Open(ctx, placed); problem != nil && !aboutObject(problem) {
			return Verdict{}, problem
		}
	}
	return Verdict{Problem: problem, Notes: notes}, nil
}

// placed is the object in the namespace that it has, or will have.
func (o *Object) placed(namespace string) *v1alpha1.SealedSecret {
	out := o.DeepCopy()
	if out.Namespace == "" {
		out.Namespace = namespace
	}
	return out
}

// objectError is about one object alone.
type objectError struct{ error }

func (e objectError) Unwrap() error { return e.error }

// aboutObject reports that another object may fare better.
func aboutObject(err error) bool {
	var o objectError
	if errors.As(err, &o) {
		return true
	}
	var d *delivery.Error
	if errors.As(err, &d) {
		return d.Kind == delivery.Refused || d.Kind == delivery.Malformed
	}
	var r *refusal
	return errors.As(err, &r) && (r.code >= 400 && r.code < 500 && !fatal(r.code) || r.code == 500)
}

// fatal answers are the same for every object.
func fatal(code int) bool { return code == 401 || code == 403 || code == 404 || code == 429 }

func wellFormed(o *v1alpha1.SealedSecret) (notes []string, err error) {
	scope := ScopeOf(o.Annotations)
	if o.Name == "" {
		return nil, errors.New("it has no name")
	}
	if err := checkPlace(o.Namespace, o.Name, scope); err != nil {
		return nil, err
	}
	if o.Spec.Data != nil {
		return nil, errors.New("spec.data, the deprecated form, is not opened: seal each value by itself")
	}
	if len(o.Spec.EncryptedData) == 0 && len(o.Spec.Template.Data) == 0 {
		notes = append(notes, "it holds no value")
	}
	for _, name := range []string{clusterWide, namespaceWide} {
		if v, said := o.Annotations[name]; said && v != "true" && v != "false" {
			notes = append(notes, fmt.Sprintf("annotation %s counts only as \"true\"", name))
		}
	}
	note, err := sameClusters(o.Spec.EncryptedData)
	if err != nil {
		return nil, err
	}
	return append(notes, note...), nil
}

// sameClusters notes that values are for different clusters, of the first two
// of which that is known. Its error is that a key or a value is none.
func sameClusters(values map[string]string) (notes []string, err error) {
	var first string
	var known []sealing.KeyID
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(validation.IsConfigMapKey(key)) > 0 {
			return nil, fmt.Errorf("%s is no key of a Secret", quoteName(key))
		}
		of, err := sealing.Names(values[key])
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		of = sorted(of)
		switch {
		case first == "":
			first, known = key, of
		case len(notes) == 0 && !slices.Equal(known, of):
			notes = append(notes, fmt.Sprintf("its values are for different clusters: %q for %s, %q for %s",
				first, whose(known, of), key, whose(of, known)))
		}
	}
	return notes, nil
}

// whose says for how many clusters a value is, and for which of them another is
// not, if both tell.
func whose(of, other []sealing.KeyID) string {
	more := without(of, other)
	if len(other) == 0 || len(more) == 0 {
		return strconv.Itoa(max(1, len(of)))
	}
	return fmt.Sprintf("%d (%s)", len(of), ids(more))
}
