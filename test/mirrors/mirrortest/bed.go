// Package mirrortest holds what the end-to-end tests of SecretMirrors share.
package mirrortest

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	mirrorsv1 "github.com/tacit-secrets/tacit/api/mirrors/v1alpha2"
	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/internal/testkit"
)

// Bed is a namespace with SecretMirrors in it, and further ones for copies.
type Bed struct {
	*operatortest.Bed
	// Way is the way to Vault, for who asked for one.
	Way *testkit.Proxy
}

// Of returns a bed whose $VAULT is a proxy of its own, which counts.
func Of(b *operatortest.Bed) Bed {
	b.T.Helper()
	way := testkit.NewProxy(b.T, b.Vault.Addr, nil)
	b.VaultAddr = way.URL
	return Bed{b, way}
}

// Must fails the test on an error.
func (b Bed) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// Namespace makes a namespace for copies, called as the test's with a suffix.
func (b Bed) Namespace(suffix string) string {
	b.T.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.NS + "-" + suffix}}
	b.Must(b.Create(b.T.Context(), ns))
	b.T.Cleanup(func() { _ = b.Delete(context.Background(), ns) })
	return ns.Name
}

// Login makes a Secret with an AppRole that may do what the rules say.
func (b Bed) Login(name, rules string) {
	b.T.Helper()
	id, secret, err := b.Vault.AppRole(b.T.Context(), rules)
	b.Must(err)
	b.Make(b.NS, name, "role-id", id, "secret-id", secret)
}

// Make creates a Secret as a user would.
func (b Bed) Make(namespace, name string, pairs ...string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: data(pairs)}
	b.Must(b.Create(b.T.Context(), s, client.FieldOwner("somebody")))
	return s
}

func data(pairs []string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

// Change patches an object as a user would.
func (b Bed) Change(obj client.Object, by func()) {
	b.T.Helper()
	patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
	by()
	b.Must(b.Patch(b.T.Context(), obj, patch, client.FieldOwner("somebody")))
}

// Set gives a Secret other data.
func (b Bed) Set(namespace, name string, pairs ...string) {
	b.T.Helper()
	s := b.Copy(namespace, name)
	b.Change(s, func() { s.StringData = data(pairs) })
}

// Remove deletes an object.
func (b Bed) Remove(obj client.Object) {
	b.T.Helper()
	b.Must(b.Delete(b.T.Context(), obj))
}

// Mirror returns a SecretMirror, or nil if there is none.
func (b Bed) Mirror(name string) *mirrorsv1.SecretMirror {
	b.T.Helper()
	sm := &mirrorsv1.SecretMirror{}
	err := b.Get(b.T.Context(), types.NamespacedName{Namespace: b.NS, Name: name}, sm)
	if apierrors.IsNotFound(err) {
		return nil
	}
	b.Must(err)
	return sm
}

// Says waits until a SecretMirror's status, about its present generation, is
// this one, for this reason, with a message that contains all parts.
func (b Bed) Says(name, status, reason string, parts ...string) *mirrorsv1.SecretMirror {
	b.T.Helper()
	var sm *mirrorsv1.SecretMirror
	b.Eventually(func() error {
		if sm = b.Mirror(name); sm == nil {
			return fmt.Errorf("there is no SecretMirror %s", name)
		}
		for _, c := range sm.Status.Conditions {
			ok := sm.Status.MirrorStatus == status && c.Reason == reason && sm.Status.ObservedGeneration == sm.Generation
			for _, p := range parts {
				ok = ok && strings.Contains(c.Message, p)
			}
			if ok {
				return nil
			}
		}
		return fmt.Errorf("%s, want %s %s %q", State(sm), status, reason, parts)
	})
	return sm
}

// Active waits for the usual success, with a message that contains all parts.
func (b Bed) Active(name string, parts ...string) *mirrorsv1.SecretMirror {
	b.T.Helper()
	return b.Says(name, "Active", "Active", parts...)
}

// State tells what a SecretMirror says of itself.
func State(sm *mirrorsv1.SecretMirror) string {
	if sm == nil {
		return "no SecretMirror"
	}
	text := fmt.Sprintf("SecretMirror %s (generation %d) is %s for %d", sm.Name, sm.Generation, sm.Status.MirrorStatus, sm.Status.ObservedGeneration)
	for _, c := range sm.Status.Conditions {
		text += fmt.Sprintf("; %s: %s", c.Reason, c.Message)
	}
	if l := sm.Status.VaultSource; l != nil {
		text += "; lease " + l.LeaseID
	}
	return text
}

func (b Bed) states() string {
	list := &mirrorsv1.SecretMirrorList{}
	_ = b.List(b.T.Context(), list, client.InNamespace(b.NS))
	var all []string
	for i := range list.Items {
		all = append(all, State(&list.Items[i]))
	}
	return strings.Join(all, "\n")
}

// Copy returns a Secret of any namespace, or nil if there is none.
func (b Bed) Copy(namespace, name string) *corev1.Secret {
	b.T.Helper()
	s := &corev1.Secret{}
	err := b.Get(b.T.Context(), types.NamespacedName{Namespace: namespace, Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	b.Must(err)
	return s
}

// Has waits until a Secret holds exactly the pairs.
func (b Bed) Has(namespace, name string, pairs ...string) *corev1.Secret {
	b.T.Helper()
	want := data(pairs)
	return b.HasThat(namespace, name, func(s *corev1.Secret) error {
		got := map[string]string{}
		for k, v := range s.Data {
			got[k] = string(v)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("holds %v, want %v", got, want)
		}
		return nil
	})
}

// HasThat waits until a Secret is there and right.
func (b Bed) HasThat(namespace, name string, right func(*corev1.Secret) error) *corev1.Secret {
	b.T.Helper()
	var s *corev1.Secret
	b.Eventually(func() error {
		if s = b.Copy(namespace, name); s == nil {
			return fmt.Errorf("there is no Secret %s/%s; %s", namespace, name, b.states())
		}
		if err := right(s); err != nil {
			return fmt.Errorf("Secret %s/%s %w; %s", namespace, name, err, b.states())
		}
		return nil
	})
	return s
}

// Gone waits until there is no Secret of that name.
func (b Bed) Gone(namespace, name string) {
	b.T.Helper()
	b.Eventually(func() error {
		if b.Copy(namespace, name) != nil {
			return fmt.Errorf("Secret %s/%s is still there; %s", namespace, name, b.states())
		}
		return nil
	})
}

// Left waits until the SecretMirror itself is gone.
func (b Bed) Left(name string) {
	b.T.Helper()
	b.Eventually(func() error {
		if sm := b.Mirror(name); sm != nil {
			return fmt.Errorf("it is still there, held by %v; %s", sm.Finalizers, State(sm))
		}
		return nil
	})
}

// Untouched fails the test if a Secret is not the very one that it was.
func (b Bed) Untouched(was *corev1.Secret) {
	b.T.Helper()
	now := b.Copy(was.Namespace, was.Name)
	if now == nil || now.UID != was.UID || now.ResourceVersion != was.ResourceVersion {
		b.T.Errorf("Secret %s/%s was\n%v\nand is\n%v", was.Namespace, was.Name, was, now)
	}
}
