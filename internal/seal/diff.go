package seal

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/sealing"
	"github.com/tacit-secrets/tacit/internal/secret"
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
	for _, title := range keysOf(olds, news) {
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

// keysOf are the keys of both, sorted.
func keysOf[V any, M ~map[string]V](a, b M) []string {
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
	for _, key := range keysOf(was.Spec.EncryptedData, is.Spec.EncryptedData) {
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

// changed says what became of a value. One that does not open is no reason to
// say nothing of the others.
func changed(ctx context.Context, was, is *v1alpha1.SealedSecret, key string, keys *Keys) (string, error) {
	if keys == nil {
		return "sealed anew", nil
	}
	var opened [2]secret.Value
	for i, o := range []*v1alpha1.SealedSecret{was, is} {
		one := o.DeepCopy()
		one.Spec.EncryptedData = v1alpha1.EncryptedData{key: o.Spec.EncryptedData[key]}
		data, err := keys.Data(ctx, one)
		which := [...]string{"old", "new"}[i]
		switch {
		case err == nil:
			opened[i] = data[key]
		case aboutObject(err):
			return fmt.Sprintf("sealed anew (the %s value %v)", which, err), nil
		default:
			return "", fmt.Errorf("the %s value %w", which, err)
		}
	}
	if opened[0].Equal(opened[1]) {
		return "sealed anew, the same value", nil
	}
	return "changed", nil
}

func forWhom(value string) string {
	if of, err := sealing.Names(value); err == nil && len(of) > 0 {
		return ", for " + clusters(len(sorted(of)))
	}
	return ""
}

// recipientsChange says if a value is for other clusters, as far as it tells.
func recipientsChange(was, is string) string {
	a, errA := sealing.Names(was)
	b, errB := sealing.Names(is)
	if errA != nil || errB != nil {
		return ""
	}
	a, b = sorted(a), sorted(b)
	var how []string
	if len(a) > 0 && len(b) > 0 { // else one of them does not tell
		if added := without(b, a); len(added) > 0 {
			how = append(how, "added "+ids(added))
		}
		if removed := without(a, b); len(removed) > 0 {
			how = append(how, "removed "+ids(removed))
		}
	}
	switch {
	case len(a) != len(b) && len(how) == 0:
		return fmt.Sprintf(", for %s, was %d", clusters(len(b)), max(1, len(a)))
	case len(a) != len(b):
		return fmt.Sprintf(", for %s, was %d (%s)", clusters(len(b)), max(1, len(a)), strings.Join(how, "; "))
	case len(how) > 0:
		return fmt.Sprintf(", for other keys (%s)", strings.Join(how, "; "))
	}
	return ""
}

// clusters counts those that a value is for, by the keys that it names.
func clusters(named int) string {
	if named <= 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", named)
}

func diffTemplate(was, is *v1alpha1.SecretTemplate) []string {
	var out []string
	tell := func(what string, a, b map[string]string) {
		for _, key := range keysOf(a, b) {
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
	if !slices.Equal(a.Finalizers, b.Finalizers) {
		out = append(out, "template finalizers: changed")
	}
	if was.Type != is.Type {
		out = append(out, "template type: changed")
	}
	if !reflect.DeepEqual(was.Immutable, is.Immutable) {
		out = append(out, "template immutable: changed")
	}
	return out
}
