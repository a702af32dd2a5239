package sealedtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/api/sealedsecrets/v1alpha1"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
)

// Bed is a namespace of a test's own, and a key that opens what it seals.
type Bed struct {
	*operatortest.Bed
	Key Key
}

// Must fails the test on an error.
func (b Bed) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// Manifest is a SealedSecret with these entries, each "key: ciphertext", and
// with more of its metadata and spec.
func Manifest(name string, entries map[string]string, metadata, spec string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: %s\n%s\nspec:\n%s\n  encryptedData:\n",
		name, indented(metadata, 2), indented(spec, 2))
	if len(entries) == 0 {
		return strings.TrimSuffix(b.String(), "\n") + " {}\n"
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintf(&b, "    %s: %q\n", key, entries[key])
	}
	return b.String()
}

func indented(text string, by int) string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return ""
	}
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}

// Sealed are values sealed strictly for a name in the test's namespace.
func (b Bed) Sealed(name string, values map[string]string) map[string]string {
	b.T.Helper()
	out := map[string]string{}
	for k, v := range values {
		out[k] = b.Key.Seal(b.T, b.NS+"/"+name, v)
	}
	return out
}

// SealAndApply applies a SealedSecret of values, with more of its spec.
func (b Bed) SealAndApply(name string, values map[string]string, spec string) {
	b.T.Helper()
	b.Apply(Manifest(name, b.Sealed(name, values), "", spec))
}

// SealedSecret returns one.
func (b Bed) SealedSecret(name string) *v1alpha1.SealedSecret {
	b.T.Helper()
	ss := &v1alpha1.SealedSecret{}
	b.Must(b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: name}, ss))
	return ss
}

// Is waits until the object's condition, about its present generation, has this
// status and its message contains all parts.
func (b Bed) Is(name, status string, parts ...string) *v1alpha1.SealedSecret {
	b.T.Helper()
	var ss *v1alpha1.SealedSecret
	b.Eventually(func() error {
		ss = b.SealedSecret(name)
		if len(ss.Status.Conditions) != 1 || ss.Status.ObservedGeneration != ss.Generation {
			return fmt.Errorf("the status of %s is %+v", name, ss.Status)
		}
		c := ss.Status.Conditions[0]
		ok := c.Type == "Synced" && c.Status == status
		for _, p := range parts {
			ok = ok && strings.Contains(c.Message, p)
		}
		if !ok {
			return fmt.Errorf("%s is %s: %q, want %s: %q", name, c.Status, c.Message, status, parts)
		}
		return nil
	})
	return ss
}

// Synced waits until the object has made its Secret.
func (b Bed) Synced(name string) *v1alpha1.SealedSecret {
	b.T.Helper()
	return b.Is(name, "True")
}

// Fails waits until the object says why it has not.
func (b Bed) Fails(name string, parts ...string) *v1alpha1.SealedSecret {
	b.T.Helper()
	return b.Is(name, "False", parts...)
}

// Owned waits until the Secret is the object's, or is not.
func (b Bed) Owned(name string, want bool) *corev1.Secret {
	b.T.Helper()
	ss := b.SealedSecret(name)
	var s *corev1.Secret
	b.Eventually(func() error {
		if s = b.Secret(name); s == nil {
			return errors.New("there is no Secret " + name)
		}
		owned := len(s.OwnerReferences) == 1 && s.OwnerReferences[0].UID == ss.UID
		if owned != want || !want && len(s.OwnerReferences) > 0 {
			return fmt.Errorf("the owners of Secret %s are %+v", name, s.OwnerReferences)
		}
		return nil
	})
	return s
}

// Change changes an object as it is now.
func Change[T client.Object](b Bed, obj T, change func(T)) {
	b.T.Helper()
	before := obj.DeepCopyObject().(client.Object)
	change(obj)
	b.Must(b.Patch(b.T.Context(), obj, client.MergeFrom(before)))
}

// Annotate puts an annotation on the Secret.
func (b Bed) Annotate(name, key, value string) {
	b.T.Helper()
	Change(b, b.Secret(name), func(s *corev1.Secret) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[key] = value
	})
}
