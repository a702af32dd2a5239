// Package shape turns the values that were read into what is written: the
// data of a Secret, and the labels and annotations that its template renders.
package shape

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/fetch/codec"
	"github.com/tacit-secrets/tacit/internal/engine/shape/tmpl"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// Lookup returns the text under key in a ConfigMap or Secret of the
// manifest's namespace, by the rights of that namespace. The text of its
// error is shown to the user and holds no value.
type Lookup func(ctx context.Context, kind, name, key string) (secret.Value, error)

// Limits bound a Render; zero fields take the defaults of package tmpl.
type Limits = tmpl.Limits

// Result is the shaped object.
type Result struct {
	Data                secret.Data
	Labels, Annotations map[string]string
	// Varying are the keys whose template, in Template.Data, may render
	// otherwise each time.
	Varying []string
}

// Render shapes data. Without a template it comes out as it is; otherwise
// templates render, each result over the ones before: what was read (if the
// template merges, or renders no data at all), the templates taken from
// elsewhere in their order, and the template's own.
//
// The error is a *delivery.Error of kind ShapeFailed that names the template
// and the line, and holds no value.
func Render(ctx context.Context, sh delivery.Shape, data secret.Data, lookup Lookup, lim Limits) (Result, error) {
	data, err := rekey(sh, data)
	if err != nil {
		return Result{}, err
	}
	t := sh.Template
	if t == nil {
		return Result{Data: maps.Clone(data)}, nil
	}
	s := &shaper{
		ctx: ctx, lookup: lookup,
		out: Result{Data: secret.Data{}, Labels: map[string]string{}, Annotations: map[string]string{}},
	}
	if t.Merge || len(t.Data) == 0 && len(t.From) == 0 {
		maps.Copy(s.out.Data, data)
	}
	if s.idle(t) {
		return s.out, nil
	}
	s.run = tmpl.Start(ctx, lim)
	s.vars = make(map[string]string, len(data))
	for k, v := range data {
		s.vars[k] = string(v.Reveal())
	}
	if err := s.all(t); err != nil {
		return Result{}, err
	}
	return s.out, nil
}

// shaper is one Render under way.
type shaper struct {
	ctx    context.Context
	lookup Lookup
	run    *tmpl.Run
	vars   map[string]string
	out    Result
}

func (s *shaper) idle(t *delivery.Template) bool {
	return len(t.Data)+len(t.Labels)+len(t.Annotations)+len(t.From) == 0
}

func (s *shaper) all(t *delivery.Template) error {
	for i := range t.From {
		if err := s.from(&t.From[i]); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		field  string
		texts  map[string]string
		target delivery.TemplateTarget
	}{
		{"data", t.Data, delivery.TargetData},
		{"metadata.labels", t.Labels, delivery.TargetLabels},
		{"metadata.annotations", t.Annotations, delivery.TargetAnnotations},
	} {
		for _, key := range slices.Sorted(maps.Keys(part.texts)) {
			field := fmt.Sprintf("%s.%s[%q]", t.Field, part.field, key)
			parsed, err := s.run.Parse(tmpl.Source{Text: part.texts[key]})
			if err != nil {
				return fail(field, err)
			}
			out, err := parsed.Render(s.vars, t.Lax)
			if err != nil {
				return fail(field, err)
			}
			if part.target == delivery.TargetData && parsed.Varies() {
				s.out.Varying = append(s.out.Varying, key)
			}
			if fault := s.put(part.target, key, secret.New(out)); fault != "" {
				return failed(field, "the key "+fault, nil)
			}
		}
	}
	return nil
}

// put stores a rendered value, and says what is wrong with the key or the
// value if the API server would refuse it: its own words would quote them.
func (s *shaper) put(target delivery.TemplateTarget, key string, v secret.Value) string {
	switch target {
	case delivery.TargetLabels:
		if !validLabel(key, string(v.Reveal())) {
			return "and its value make no valid label"
		}
		s.out.Labels[key] = string(v.Reveal())
	case delivery.TargetAnnotations:
		if !validAnnotation(key) {
			return "is not valid for an annotation"
		}
		s.out.Annotations[key] = string(v.Reveal())
	default:
		if fault := codec.KeyFault(key); fault != "" {
			return fault
		}
		s.out.Data[key] = v
	}
	return ""
}

func failed(field, reason string, cause error) *delivery.Error {
	return &delivery.Error{Kind: delivery.ShapeFailed, Message: field + ": " + reason, Err: cause}
}

// fail names the field of a failed template. The cause goes on only where it
// is the context's: a template's own error says all in its text.
func fail(field string, err error) *delivery.Error {
	var e *tmpl.Error
	if errors.As(err, &e) {
		return failed(field, e.Error(), e.Err)
	}
	return failed(field, "cannot be rendered", nil)
}
