package seal

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/sealing"
)

// Diff says, one line a difference, what became of SealedSecrets: which keys
// and which parts of the template, never their values. Without keys it cannot
// know whether a value that was sealed anew is another; then keys is nil.
func Diff(ctx context.Context, before, after []*v1alpha1.SealedSecret, keys *Keys) ([]string, error) {
	olds, err := byTitle(before)
	if err != nil {
		return nil, fmt.Errorf("the old file: %w", err)
	}
	news, err := byTitle(after)
	if err != nil {
		return nil, fmt.Errorf("the new file: %w", err)
	}
	var out []string
	for _, title := range union(olds, news) {
		was, is := olds[title], news[title]
		switch {
		case was == nil:
			out = append(out, title+": added")
		case is == nil:
			out = append(out, title+": removed")
		default:
			lines, err := diffOne(ctx, was, is, keys)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", title, err)
			}
			for _, line := range lines {
				out = append(out, title+": "+line)
			}
		}
	}
	return out, nil
}

func byTitle(objects []*v1alpha1.SealedSecret) (map[string]*v1alpha1.SealedSecret, error) {
	out := map[string]*v1alpha1.SealedSecret{}
	for _, o := range objects {
		title := (&Object{SealedSecret: *o}).Title()
		if out[title] != nil {
			return nil, fmt.Errorf("%s is there twice", title)
		}
		out[title] = o
	}
	return out, nil
}

// union are the keys of both, sorted.
func union[V any, M ~map[string]V](a, b M) []string {
	all := maps.Clone(a)
	if all == nil {
		all = M{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func diffOne(ctx context.Context, was, is *v1alpha1.SealedSecret, keys *Keys) ([]string, error) {
	var out []string
	if a, b := ScopeOf(was.Annotations), ScopeOf(is.Annotations); a != b {
		out = append(out, fmt.Sprintf("scope: %s, was %s", b, a))
	}
	for _, key := range union(was.Spec.EncryptedData, is.Spec.EncryptedData) {
		a, had := was.Spec.EncryptedData[key]
		b, has := is.Spec.EncryptedData[key]
		switch {
		case !had:
			out = append(out, fmt.Sprintf("key %s: added%s", key, forWhom(b)))
		case !has:
			out = append(out, fmt.Sprintf("key %s: removed", key))
		case a != b:
			what, err := changed(ctx, was, is, key, keys)
			if err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprintf("key %s: %s%s", key, what, recipientsChange(a, b)))
		}
	}
	return append(out, diffTemplate(&was.Spec.Template, &is.Spec.Template)...), nil
}

// changed says what became of a value.
func changed(ctx context.Context, was, is *v1alpha1.SealedSecret, key string, keys *Keys) (string, error) {
	if keys == nil {
		return "sealed anew", nil
	}
	one := func(o *v1alpha1.SealedSecret) *v1alpha1.SealedSecret {
		out := o.DeepCopy()
		out.Spec.EncryptedData = v1alpha1.EncryptedData{key: o.Spec.EncryptedData[key]}
		return out
	}
	a, err := keys.Data(ctx, one(was))
	if err != nil {
		return "", fmt.Errorf("the old value %w", err)
	}
	b, err := keys.Data(ctx, one(is))
	if err != nil {
		return "", fmt.Errorf("the new value %w", err)
	}
	if a[key].Equal(b[key]) {
		return "sealed anew, the same value", nil
	}
	return "changed", nil
}

func forWhom(value string) string {
	if of, err := sealing.Names(value); err == nil && len(of) > 0 {
		return fmt.Sprintf(", for %d clusters", len(of))
	}
	return ""
}

// recipientsChange says if a value is for other clusters, as far as it tells.
func recipientsChange(was, is string) string {
	a, errA := sealing.Names(was)
	b, errB := sealing.Names(is)
	if errA != nil || errB != nil || len(a) == len(b) {
		return ""
	}
	return fmt.Sprintf(", for %d clusters, was %d", max(1, len(b)), max(1, len(a)))
}

func diffTemplate(was, is *v1alpha1.SecretTemplate) []string {
	var out []string
	tell := func(what string, a, b map[string]string) {
		for _, key := range union(a, b) {
			va, had := a[key]
			vb, has := b[key]
			switch {
			case !had:
				out = append(out, fmt.Sprintf("template %s %s: added", what, key))
			case !has:
				out = append(out, fmt.Sprintf("template %s %s: removed", what, key))
			case va != vb:
				out = append(out, fmt.Sprintf("template %s %s: changed", what, key))
			}
		}
	}
	tell("key", was.Data, is.Data)
	a, b := was.Metadata, is.Metadata
	if a == nil {
		a = &v1alpha1.TemplateMetadata{}
	}
	if b == nil {
		b = &v1alpha1.TemplateMetadata{}
	}
	tell("label", a.Labels, b.Labels)
	tell("annotation", a.Annotations, b.Annotations)
	if was.Type != is.Type {
		out = append(out, "template type: changed")
	}
	if !reflect.DeepEqual(was.Immutable, is.Immutable) {
		out = append(out, "template immutable: changed")
	}
	return out
}
